"""Texts with what they name, for measuring `entities`: written for this, like news, mails and reports of incidents.

An annotation is (type, text); a text that stands twice is annotated twice. Names that no rule can see are annotated
as well: what is missed counts.
"""

from typing import Final, TypeAlias

Annotated: TypeAlias = tuple[str, list[tuple[str, str]]]

TEXTS: Final[tuple[Annotated, ...]] = (
    (
        "Attackers exploited CVE-2021-44228 and cve-2022-22965 within hours.",
        [("cve", "CVE-2021-44228"), ("cve", "cve-2022-22965")],
    ),
    (
        "The loader beacons to hxxps://update-check[.]com/gate.php every minute.",
        [("url", "hxxps://update-check[.]com/gate.php"), ("domain", "update-check[.]com")],
    ),
    (
        "C2 servers: 185.220.101[.]4, 45[.]9[.]148[.]114 and 2001:db8:85a3::8a2e:370:7334.",
        [("ip", "185.220.101[.]4"), ("ip", "45[.]9[.]148[.]114"), ("ip", "2001:db8:85a3::8a2e:370:7334")],
    ),
    (
        "MD5 d41d8cd98f00b204e9800998ecf8427e, SHA-1 da39a3ee5e6b4b0d3255bfef95601890afd80709.",
        [("hash", "d41d8cd98f00b204e9800998ecf8427e"), ("hash", "da39a3ee5e6b4b0d3255bfef95601890afd80709")],
    ),
    (
        "Dropped file: E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        [("hash", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")],
    ),
    (
        "The actor used spearphishing (T1566.001) and PowerShell (T1059.001), tactic TA0001.",
        [("mitre", "T1566.001"), ("mitre", "T1059.001"), ("mitre", "TA0001")],
    ),
    ("MITRE tracks the group as G0016, its malware as S0154.", [("mitre", "G0016"), ("mitre", "S0154")]),
    ("Room S1234 is on floor 3, seat G0016 is free.", []),
    (
        "Send 0.5 BTC to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq today.",
        [("money", "0.5 BTC"), ("wallet", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")],
    ),
    (
        "Donations: 1BoatSLRHtKNngkdXEeobR76b53LETtpyT or 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed.",
        [("wallet", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), ("wallet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")],
    ),
    ("Not a wallet: 1BoatSLRHtKNngkdXEeobR76b53LETtpyU, nor 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed.", []),
    (
        "Write to support@example.com or sales.team+eu@shop.example.co.uk.",
        [("email", "support@example.com"), ("email", "sales.team+eu@shop.example.co.uk")],
    ),
    ("Phishing came from billing(at)paypa1[.]com.", [("email", "billing(at)paypa1[.]com")]),
    (
        "Docs live at https://docs.example.org/a/b?c=d#e (see also www.example.net).",
        [("url", "https://docs.example.org/a/b?c=d#e"), ("domain", "docs.example.org"), ("domain", "www.example.net")],
    ),
    ("Run install.sh, then main.py; README.md tells more.", []),
    ("Version 1.2.3.4 of the agent fixes it; build 10.0.19041.1 does not.", []),
    ("The host 10.0.0.5:8080 answered, 999.1.1.1 did not.", [("ip", "10.0.0.5")]),
    ("The e.g. case, i.e. the rest, is done.It works.", []),
    ("U.S. officials met at 10.30 a.m. in the morning.", []),
    (
        "Subdomains such as mail.evil.example and cdn.evil.example were sinkholed.",
        [("domain", "mail.evil.example"), ("domain", "cdn.evil.example")],
    ),
    (
        "Commit 3f786850e387550fdab836ed7e6dc881de23001b broke the build.",
        [("hash", "3f786850e387550fdab836ed7e6dc881de23001b")],
    ),
    ("The id 12345678901234567890123456789012 is no hash.", []),
    (
        "Der Server bücher.example antwortet unter ftp://files.bücher.example/neu.",
        [("domain", "bücher.example"), ("url", "ftp://files.bücher.example/neu"), ("domain", "files.bücher.example")],
    ),
    ("Open tcp://203.0.113.9:4444 on the firewall.", [("url", "tcp://203.0.113.9:4444"), ("ip", "203.0.113.9")]),
    ("The meeting is on 2025-03-14, not on 14.03.2024.", [("date", "2025-03-14"), ("date", "14.03.2024")]),
    ("It happened on March 3, 2024 and again on 5 April 2024.", [("date", "March 3, 2024"), ("date", "5 April 2024")]),
    ("Die Frist endet am 31. Dezember 2025.", [("date", "31. Dezember 2025")]),
    ("La réunion du 14 juillet 2023 est annulée.", [("date", "14 juillet 2023")]),
    ("El contrato termina el 1 de enero de 2026.", [("date", "1 de enero de 2026")]),
    ("Logged at 2024-11-05T13:45:10Z by the gateway.", [("date", "2024-11-05T13:45:10Z")]),
    ("Results for June 2023 come in 07/15/2023.", [("date", "June 2023"), ("date", "07/15/2023")]),
    ("You may 5 times retry; the ratio is 3/4 and the score 10-2.", []),
    (
        "The deal is worth $3.5 million, or €3.2m, plus £250,000 in fees.",
        [("money", "$3.5 million"), ("money", "€3.2m"), ("money", "£250,000")],
    ),
    ("Das kostet 1.299,00 € oder 25 Euro im Monat.", [("money", "1.299,00 €"), ("money", "25 Euro")]),
    (
        "He paid 400 dollars, USD 1,200 and 5000 JPY.",
        [("money", "400 dollars"), ("money", "USD 1,200"), ("money", "5000 JPY")],
    ),
    ("There were 400 people and 25 cars in 3 rows.", []),
    ("Der Umsatz stieg auf 2,5 Mrd. Euro.", [("money", "2,5 Mrd. Euro")]),
    ("The fine of CHF 10'000 was paid.", [("money", "CHF 10'000")]),
    (
        "Dr. Maria Schmidt and Mr. O'Neill met in Berlin.",
        [("person", "Maria Schmidt"), ("person", "O'Neill"), ("place", "Berlin")],
    ),
    ("President Macron flew from Paris to Warsaw.", [("person", "Macron"), ("place", "Paris"), ("place", "Warsaw")]),
    ("John Smith joined Acme Corp. as an engineer.", [("person", "John Smith"), ("organisation", "Acme Corp.")]),
    ("Angela Merkel studied in Leipzig.", [("person", "Angela Merkel"), ("place", "Leipzig")]),
    ("Xiulan Wang presented the results in Shenzhen.", [("person", "Xiulan Wang"), ("place", "Shenzhen")]),
    (
        "Herr Müller arbeitet bei der Siemens AG in München.",
        [("person", "Müller"), ("organisation", "Siemens AG"), ("place", "München")],
    ),
    (
        "Contoso GmbH & Co. KG sold its plant to Fabrikam Ltd.",
        [("organisation", "Contoso GmbH & Co. KG"), ("organisation", "Fabrikam Ltd.")],
    ),
    (
        "Researchers at the University of Oxford worked with Microsoft.",
        [("organisation", "University of Oxford"), ("organisation", "Microsoft")],
    ),
    (
        "The Ministry of Defence of Ukraine confirmed the attack.",
        [("organisation", "Ministry of Defence"), ("place", "Ukraine")],
    ),
    (
        "Lazarus Group, linked to North Korea, stole $600 million.",
        [("organisation", "Lazarus Group"), ("place", "North Korea"), ("money", "$600 million")],
    ),
    ("Yesterday Anna Meier called from New York.", [("person", "Anna Meier"), ("place", "New York")]),
    ("Ludwig van Beethoven was born in Bonn.", [("person", "Ludwig van Beethoven"), ("place", "Bonn")]),
    ("The Kremlin denied it; NATO did not comment.", [("organisation", "Kremlin"), ("organisation", "NATO")]),
    ("Zelensky visited Kherson on Monday.", [("person", "Zelensky"), ("place", "Kherson")]),
    ("Ask Peter or Susan about the invoice.", [("person", "Peter"), ("person", "Susan")]),
    ("Banco Santander opened an office in Lisbon.", [("organisation", "Banco Santander"), ("place", "Lisbon")]),
    (
        "Apple shares fell after Tim Cook spoke in California.",
        [("organisation", "Apple"), ("person", "Tim Cook"), ("place", "California")],
    ),
    (
        "Sarah J. Connor, CEO of Cyberdyne Systems, resigned.",
        [("person", "Sarah J. Connor"), ("organisation", "Cyberdyne Systems")],
    ),
    ("The Rhine flows through Basel and Cologne.", [("place", "Rhine"), ("place", "Basel"), ("place", "Cologne")]),
    ("Please find the Quarterly Report attached. Kind Regards", []),
    ("Monday Morning Coffee is served in the Main Hall.", []),
    (
        "Professor Jean-Luc de la Croix teaches at the Sorbonne.",
        [("person", "Jean-Luc de la Croix"), ("organisation", "Sorbonne")],
    ),
    ("El presidente Pedro Sánchez viajó a Argentina.", [("person", "Pedro Sánchez"), ("place", "Argentina")]),
    (
        "Olga Ivanova and Dmitry Petrov left Moscow for Tbilisi.",
        [("person", "Olga Ivanova"), ("person", "Dmitry Petrov"), ("place", "Moscow"), ("place", "Tbilisi")],
    ),
    ("Hurricane season begins in June across the Gulf Coast.", [("place", "Gulf Coast")]),
    (
        "The FBI and Europol seized servers in the Netherlands.",
        [("organisation", "FBI"), ("organisation", "Europol"), ("place", "Netherlands")],
    ),
    ("Globex bought Initech for an undisclosed sum.", [("organisation", "Globex"), ("organisation", "Initech")]),
    (
        "Thai Airways cancelled its flight to Nairobi, Kenya.",
        [("organisation", "Thai Airways"), ("place", "Nairobi"), ("place", "Kenya")],
    ),
)
