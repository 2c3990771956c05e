"""What Presidio finds: its pattern recognizers on a blank spaCy pipeline. Runs in bench/.venv, under `bench/pii.py`.

JSON lines {"text", "language"} in; JSON out: {"entities": [[[start, end, type, score], …], …], "seconds": CPU time}.
"""

import json
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine


class Blank(NlpEngine):
    """A tokenizer and no model: nothing is downloaded, and names are not what is compared."""

    def __init__(self):
        self._nlp = {"en": spacy.blank("en")}

    def load(self):
        """Nothing to load."""

    def is_loaded(self):
        return True

    def process_text(self, text, language):
        doc = self._nlp[language](text)
        return NlpArtifacts(
            entities=[], tokens=doc, tokens_indices=[token.idx for token in doc],
            lemmas=[token.lower_ for token in doc], nlp_engine=self, language=language,
        )  # fmt: skip

    def process_batch(self, texts, language, **options):
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word, language):
        return self._nlp[language].vocab[word].is_stop

    def is_punct(self, word, language):
        return self._nlp[language].vocab[word].is_punct

    def get_supported_entities(self):
        return []

    def get_supported_languages(self):
        return ["en"]


def main():
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    for recognizer in list(registry.recognizers):
        if "spacy" in recognizer.name.lower():
            registry.remove_recognizer(recognizer.name)
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    lines = [json.loads(line) for line in sys.stdin]
    analyzer.analyze(text="warm up 4111111111111111", language="en")
    start = time.process_time()
    found = [analyzer.analyze(text=line["text"], language="en") for line in lines]
    seconds = time.process_time() - start
    entities = [[[item.start, item.end, item.entity_type, item.score] for item in items] for items in found]
    json.dump({"entities": entities, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
