"""What enrichers share that ask others: templates of requests, references and what is kept of them, calls of APIs."""
