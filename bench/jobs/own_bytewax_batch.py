"""The job in Bytewax with penstock's own stages, called for batches of at most 500 records (`flat_map_batch`)."""

from own_bytewax import main

if __name__ == "__main__":
    main(batches=True)
