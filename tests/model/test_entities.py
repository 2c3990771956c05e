"""The catalogue: it is well-formed, names are found however they are written, and users can extend it."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import entities
from penstock.model.entities import Catalogue, built_in
from penstock.model.errors import ConfigurationError

TYPES = [
    "Person", "Organization", "Location", "Event", "Document", "Account", "Device", "Vehicle", "Communication",
    "Indicator", "Asset",
]  # fmt: skip


def best(name: str) -> tuple[str, str]:
    found = built_in().match(name)[0]
    return found.entity, found.property


def test_the_examples():
    assert doctest.testmod(entities).failed == 0


def test_every_entity_can_be_identified_and_every_property_found():
    catalogue = built_in()
    assert list(catalogue.entities) == TYPES
    for title, entity in catalogue.entities.items():
        assert entity.description and entity.key and entity.synonyms
        for name in entity.properties:
            assert (title, name, 1.0) in catalogue.match(name), (title, name)
            assert best(f"{title}.{name}") == (title, name)
    relations = {(relation.type, relation.source, relation.target) for relation in catalogue.relations}
    assert {
        ("works_for", "Person", "Organization"),
        ("owned_by", "Account", "Person"),
        ("sent_by", "Communication", "Person"),
        ("located_at", "Event", "Location"),
        ("used_by", "Device", "Person"),
    } <= relations


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("first_name firstName FirstName FIRST_NAME firstname first-name fname vorname prénom Prenom", "first_name"),
        ("last_name lname Nachname apellido nomDeFamille", "last_name"),
        ("dob DOB birthDate date_of_birth geburtsdatum Geb_Datum date_de_naissance fechaNacimiento", "birth_date"),
        ("email e-mail E_Mail emailAddress customer_email customerEMail user.email emails email2 courriel", "email"),
        ("correo_electrónico correoElectronico", "email"),
        ("phone tel tel_nr telNo PhoneNumber mobile handy téléphone phone_1 contact.phones", "phone"),
        ("ssn nationalID dni personalausweisnummer", "national_id"),
    ],
)
def test_names_of_properties_of_persons(names, expected):
    for name in names.split():
        assert best(name) == ("Person", expected), name
    assert best(names.split()[0].replace("_", " ").title()) == ("Person", expected)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("customer_first_nm name_first fstName nameFirst emp_first_name", ("Person", "first_name")),
        ("lastnm emp_last_nm surname_1 NACHNAME_KUNDE", ("Person", "last_name")),
        ("custname kundenname nom_client client_nom nombreCliente", ("Person", "name")),
        ("telefonnummerKunde kundentelefonnummer usr_tel_nr phone_home TelefonNr numero_telephone fonNr phoneno",
         ("Person", "phone")),
        ("telephon telefone_nr", ("Person", "phone")),
        ("gebdat geb_dat dt_naissance fecha_nac date_naiss birth_dt", ("Person", "birth_date")),
        ("primary_email email_work src_user_mail correo_cliente", ("Person", "email")),
        ("cod_postal codePostal postal_cd zip_cd CÓDIGO_POSTAL", ("Location", "postal_code")),
        ("ville stadt_kunde nombre_ciudad cityName", ("Location", "city")),
        ("vendor_nm lieferantenname nom_fournisseur proveedor_nombre", ("Organization", "name")),
        ("dst_ip_addr src_ip ipaddr_client srcip", ("Device", "ip_address")),
        ("sent_dt fecha_envio gesendet_am", ("Communication", "sent_at")),
    ],
)  # fmt: skip
def test_names_that_stand_nowhere_are_taken_by_their_words(names, expected):
    for name in names.split():
        assert best(name) == expected, name


def test_what_the_other_words_of_a_name_say_weighs():
    def score(name):
        return next(match.score for match in built_in().match(name) if match.property == "name")

    assert score("cust_nm") > score("nm_xyz") > score("nm_iban"), "the name of something else is not a person's"
    assert {match.entity for match in built_in().match("telnr_cust")} == {"Person"}, "not an account's number"
    assert built_in().match("order_date") == () == built_in().match("betrag"), "words alone are no property"


def test_words_speak_for_types():
    hints = built_in().hints
    assert hints("created_at") == hints("expires_on") == {"datetime"}
    assert hints("fecha_pedido") == {"date", "datetime"} and hints("user.homepage") == {"url"}
    assert hints("xyz") == hints("") == hints("x" * 1000) == frozenset()


def test_umlauts_in_every_spelling():
    for name in ("straße", "STRASSE", "Strasse", "strasse"):
        assert best(name) == ("Location", "street")
    for name in ("länge", "ländercode", "laendercode", "landercode"):
        assert best(name)[0] == "Location" if name != "länge" else built_in().match(name) == ()
    assert built_in().entities_called("gerät") == built_in().entities_called("geraet") == ["Device"]


def test_what_stands_before_a_property_tells_whose_it_is():
    assert best("company_name") == best("employer.name") == best("firma.name") == ("Organization", "name")
    assert best("customer_name") == best("user.name") == best("kunde.name") == ("Person", "name")
    assert best("user_name") == ("Account", "username"), "one name, not the name of a user"
    assert best("sender_email") == ("Communication", "sender"), "the longest name that is known"
    scores = {name: built_in().match(name)[0].score for name in ("email", "mail", "user_email", "spare_email")}
    assert scores["email"] == 1 > scores["mail"] >= scores["user_email"] > scores["spare_email"]
    assert built_in().match("company")[0] == ("Organization", "name", 0.7)


@pytest.mark.parametrize("name", ["", "_", "42", "...", "xyz", "a.b.c", "x" * 100_000, "😀", "\u0301", "ﬃ", "имя" * 5])
def test_names_that_mean_nothing(name):
    assert built_in().match(name) == ()
    assert built_in().infer(name, "number") == "number"


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=60) | st.from_regex(r"([A-Za-zäß_.]{1,8}[0-9_ -]?){1,6}", fullmatch=True))
def test_matches_are_sorted_and_exist(name):
    found = built_in().match(name)
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    assert all(0 < match.score <= 1 for match in found)
    assert all(match.property in built_in().entities[match.entity].properties for match in found)


def test_types_by_name_and_json_type():
    infer = built_in().infer
    assert [infer(name, "string") for name in ("mail", "client_ip", "dob", "ts", "homepage", "body", "zip", "xyz")] == [
        "email", "ip", "date", "datetime", "url", "text", "postal_code", "string",
    ]  # fmt: skip
    assert infer("ts", "number") == "datetime" and infer("phone", "number") == "phone"
    assert infer("email", "boolean") == "boolean" and infer("price", "string") == "string"
    assert infer("price", "number") == infer("xyz", "number") == "number"


def test_the_entity_of_a_record():
    def guess(**fields):
        return built_in().guess({tuple(name.split("__")): kind for name, kind in fields.items()})

    assert guess(email="string", name="string") == "Person"
    assert guess(vorname="string", nachname="string", plz="string") == "Person"
    assert guess(company_name="string", vat_id="string", website="string") == "Organization"
    assert guess(lat="number", lon="number") == "Location"
    assert guess(vin="string", license_plate="string") == "Vehicle"
    assert guess(iban="string", bic="string", balance="number") == "Account"
    assert guess(hostname="string", mac="string", os="string") == "Device"
    assert guess(subject="string", sender="string", to="string", body="string") == "Communication"
    assert guess(title="string", author="string", published="string") == "Document"
    assert guess(sha256="string", malware="string") == "Indicator"
    assert guess(sku="string", price="number") == "Asset"
    assert guess(event_type="string", ts="string", user__name="string", user__email="string") == "Event"
    assert guess(ts="string", ip="string", user__name="string", user__email="string") == "Person"
    assert guess(order_id="string", customer_id="string", amount="number") is None
    assert guess(id="string", name="string") is None
    assert guess(email="boolean") is None and guess() is None


def test_roles():
    catalogue = built_in()
    assert catalogue.entities_called("employer") == ["Organization"]
    assert [relation.type for relation in catalogue.relations_called("employer")] == ["works_for"]
    assert catalogue.entities_called("xyz") == [] and catalogue.relations_called("") == []


OWN = """
entities:
  Person:
    key: [badge]
    properties:
      badge: {type: identifier, synonyms: [ausweis_nr]}
      email: {synonyms: [elektropost], weight: 0.5}
  Ship:
    key: [hull]
    properties:
      hull: {}
relations:
  - {type: sails_on, from: Person, to: Ship, synonyms: [aboard]}
words:
  concepts: {hull: [rumpf], email: [epost]}
  fillers: [och]
  qualifiers: [gammal]
  types: {email: [brev]}
"""


def test_a_file_is_merged_over_the_built_in(tmp_path):
    file = tmp_path / "own.yml"
    file.write_text(OWN, encoding="utf-8")
    own = Catalogue.load(file)
    assert own.match("ausweisNr")[0][:2] == ("Person", "badge")
    assert own.match("elektropost")[0][:2] == own.match("courriel")[0][:2] == ("Person", "email")
    assert own.entities["Person"].properties["email"].type == "email", "what the file does not say stays"
    assert own.entities["Person"].properties["email"].weight == 0.5
    assert own.entities["Person"].key == ["badge"]
    assert own.guess({("hull",): "string"}) == "Ship"
    assert own.match("gammal_rumpf")[0] == ("Ship", "hull", 0.873)
    assert own.match("epost_och_kunde")[0][:2] == ("Person", "email") and own.hints("brev") == {"email"}
    assert [relation.target for relation in own.relations_called("aboard")] == ["Ship"]
    assert built_in().match("elektropost") == (), "the built-in one stays as it is"
    file.write_text("", encoding="utf-8")
    assert list(Catalogue.load(file).entities) == TYPES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"entities: {Ship: {key: [hull]}}", "own.yml: entity Ship: the key hull"),
        (
            b"entities: {Ship: {properties: {a: {}, b: {synonyms: [A]}}}}",
            "own.yml: entity Ship: a and b are both",
        ),
        (b"entities: {Person: {properties: {badge: {synonyms: [mail]}}}}", "email and badge are both called mail"),
        (b"relations: [{type: t, from: Person, to: Persn}]", "own.yml: no entity of the catalogue is called Persn"),
        (b"entities: {Ship: {keys: []}}", "own.yml: entities.Ship.keys: "),
        (b"entities: {Ship: {synonyms: [no]}}", "own.yml: entities.Ship.synonyms.0: .*quote it"),
        (b"entities:\n  - [", "own.yml:2: the catalogue is not YAML"),
        (b"entities: {Ship: {properties: {a: {type: mail}}}}", "own.yml: entities.Ship.properties.a.type: .*'email'"),
        (b"\xff", "own.yml is not UTF-8"),
        (None, "own.yml cannot be read: No such file"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_key(tmp_path, content, message):
    file = tmp_path / "own.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        Catalogue.load(file)
