"""Enrichers: one module each, found by its name (``agents/enrich/geoip.py`` is ``geoip`` in a pipeline file).

What several of them share, or what would make one too long, stands beside them in packages whose names begin with an
underscore; nothing in them is a component.

============  ==========================================================================  ============================
``_lookups``  templates, references, what is kept of them, calls of APIs                  lookup, http_api
``_media``    formats of pictures, hashes by what they show, the AI engine                exif_scrub, hash, ocr, stt
``_network``  addresses, MaxMind DB files, reverse DNS                                    geoip, rdns
``_rules``    conditions over a record, forms of values                                   quality, risk, classify
``_state``    what is remembered of records, and by what they are compared                dedup, entity_resolution
``_text``     indicators, names, amounts, scripts, valence, models                        entities, language, sentiment,
                                                                                          classify
``_threats``  STIX patterns and indicators                                                threat_intel
``_values``   values read one at a time, and what stands beside them                      currency, phone, timezone,
                                                                                          url, user_agent
============  ==========================================================================  ============================
"""
