"""Whose CPU time a sample is."""

from sampled import _counted

STACKS = """\
run (/p/agents/chain.py:9);apply (/p/agents/redact/redact.py:5);walk (/p/agents/redact/_walk.py:2) 6
main (/p/worker.py:1);run (/p/agents/chain.py:9);look (/p/agents/enrich/language.py:5);layout (/p/model/layout.py:2) 4
main (/p/worker.py:1);run (/p/agents/chain.py:9);copy (/p/agents/chain.py:70) 3
send (/s/aiokafka/producer/sender.py:1);zstd_encode (/s/aiokafka/codec.py:188) 2
send (/s/aiokafka/producer/sender.py:1);dumps (/usr/json/encoder.py:5) 1
<module> (/p/somewhere.py:1) 1
run_forever (/usr/asyncio/base_events.py:600);EpollSelector.select (/usr/selectors.py:468) 50
"""


def test_a_stage_has_what_happens_below_it_and_the_rest_goes_to_the_innermost_part(tmp_path):
    stacks = tmp_path / "stacks.txt"
    stacks.write_text(STACKS, encoding="utf-8")
    parts, functions, waiting = _counted(stacks)
    assert parts == {
        "stage redact": 6,
        "stage language": 4,
        "chain (agents/chain, model)": 3,
        "compression (zstd)": 2,
        "aiokafka": 1,
        "other": 1,
    }
    assert waiting == 50
    assert functions["walk (redact/_walk.py)"] == 6
    assert functions["zstd_encode (aiokafka/codec.py)"] == 2
