"""What people of the demo write, in six languages: how a message begins, how it asks to be answered, how it ends.

A request holds one place for a value that `redact` should find; its name is the value's category.
"""

from typing import Final, NamedTuple


class Language(NamedTuple):
    """One language of the demo. Names are made of placeholders, so that they are nobody's."""

    code: str
    locales: tuple[str, ...]
    given: tuple[tuple[str, str], ...]  # as written, and in ASCII for addresses
    family: tuple[str, ...]
    subjects: tuple[str, ...]
    openings: tuple[str, ...]
    requests: tuple[tuple[str, str], ...]
    closings: tuple[str, ...]


LANGUAGES: Final = (
    Language(
        "en",
        ("en-US", "en-GB", "en-AU"),
        (("Alex", "alex"), ("Sam", "sam"), ("Zoë", "zoe"), ("Robin", "robin")),
        ("Example", "Sample", "Placeholder"),
        ("Parcel missing", "Cannot log in", 'Screen says "error"', "Refund, please"),
        (
            "My parcel has not arrived, although the tracking page says it was delivered.",
            "I was charged twice for the same order and would like my money back.",
            "Since the last update the app closes as soon as I open it.",
            'The page says "access denied" whenever I try to change my password.',
            "The heating stays cold, and nobody has answered my last three messages.",
        ),
        (
            ("email", "Please write to {} if you need anything else."),
            ("phone", "You can call me back on {} after five o'clock."),
            ("credit_card", "I paid with the card {} on Monday."),
            ("iban", "Please transfer the money to {} instead."),
            ("ip", "The last login came from {}, and that was not me."),
            ("ssn", "My social security number is {}, as you asked."),
        ),
        ("Thank you very much!", "Kind regards", "Thanks in advance 🙏"),
    ),
    Language(
        "de",
        ("de-DE", "de-AT", "de-CH"),
        (("Jürgen", "juergen"), ("Anna", "anna"), ("Käthe", "kaethe"), ("Max", "max")),
        ("Mustermann", "Beispiel", "Platzhalter"),
        ("Paket fehlt", "Anmeldung geht nicht", "Rechnung; bitte prüfen", "Rückerstattung"),
        (
            "Mein Paket ist nicht angekommen, obwohl es laut Sendungsverfolgung zugestellt wurde.",
            "Mir wurde dieselbe Bestellung zweimal berechnet, ich möchte mein Geld zurück.",
            "Seit der letzten Aktualisierung stürzt die App sofort nach dem Öffnen ab.",
            "Die Heizung bleibt kalt, und auf meine letzten drei Nachrichten hat niemand geantwortet.",
        ),
        (
            ("email", "Bitte schreiben Sie mir an {} zurück."),
            ("phone", "Sie erreichen mich abends unter der Nummer {} zu Hause."),
            ("credit_card", "Bezahlt habe ich am Montag mit der Karte {} im Laden."),
            ("iban", "Bitte überweisen Sie den Betrag auf das Konto {} zurück."),
            ("ip", "Die letzte Anmeldung kam von der Adresse {} und war nicht von mir."),
        ),
        ("Vielen Dank im Voraus!", "Mit freundlichen Grüßen", "Schöne Grüße 😀"),
    ),
    Language(
        "fr",
        ("fr-FR", "fr-CA", "fr-BE"),
        (("Hélène", "helene"), ("François", "francois"), ("Camille", "camille")),
        ("Exemple", "Modèle", "Essai"),
        ("Colis perdu", "Connexion impossible", "Facture, s'il vous plaît", "Remboursement"),
        (
            "Mon colis n'est pas arrivé alors que le suivi indique qu'il a été livré.",
            "La même commande m'a été facturée deux fois et je voudrais être remboursé.",
            "Depuis la dernière mise à jour, l'application se ferme dès que je l'ouvre.",
            "Le chauffage reste froid et personne n'a répondu à mes trois derniers messages.",
        ),
        (
            ("email", "Vous pouvez m'écrire à l'adresse {} si besoin."),
            ("phone", "Rappelez-moi au {} après dix-sept heures."),
            ("credit_card", "J'ai payé lundi avec la carte {} au magasin."),
            ("iban", "Merci de virer la somme sur le compte {} directement."),
            ("ip", "La dernière connexion venait de {} et ce n'était pas moi."),
        ),
        ("Merci beaucoup pour votre aide !", "Cordialement", "Bonne journée ☀️"),
    ),
    Language(
        "es",
        ("es-ES", "es-MX"),
        (("Íñigo", "inigo"), ("Lucía", "lucia"), ("Begoña", "begona")),
        ("Ejemplo", "Prueba", "Muestra"),
        ("Paquete perdido", "No puedo entrar", "Factura, por favor", "Devolución"),
        (
            "Mi paquete no ha llegado, aunque el seguimiento dice que ya fue entregado.",
            "Me han cobrado dos veces el mismo pedido y quiero que me devuelvan el dinero.",
            "Desde la última actualización la aplicación se cierra en cuanto la abro.",
            "La calefacción sigue fría y nadie ha contestado a mis tres últimos mensajes.",
        ),
        (
            ("email", "Pueden escribirme a {} si necesitan algo más."),
            ("phone", "Llámenme al {} después de las cinco de la tarde."),
            ("credit_card", "Pagué el lunes con la tarjeta {} en la tienda."),
            ("iban", "Les pido que hagan la transferencia a la cuenta {} cuanto antes."),
            ("ip", "El último acceso vino de {} y no fui yo."),
        ),
        ("¡Muchas gracias por su ayuda!", "Un saludo cordial", "Hasta pronto 👋"),
    ),
    Language(
        "pt",
        ("pt-PT", "pt-BR"),
        (("João", "joao"), ("Inês", "ines"), ("Conceição", "conceicao")),
        ("Exemplo", "Teste", "Amostra"),
        ("Encomenda perdida", "Não consigo entrar", "Fatura, por favor", "Reembolso"),
        (
            "A minha encomenda não chegou, embora o sistema diga que já foi entregue.",
            "Cobraram-me duas vezes a mesma compra e gostaria de receber o meu dinheiro de volta.",
            "Desde a última atualização a aplicação fecha assim que a abro.",
            "O aquecimento continua frio e ninguém respondeu às minhas três últimas mensagens.",
        ),
        (
            ("email", "Podem escrever-me para {} se precisarem de mais alguma coisa."),
            ("phone", "Liguem-me para o número {} depois das cinco da tarde."),
            ("credit_card", "Paguei na segunda-feira com o cartão {} na loja."),
            ("iban", "Peço que façam a transferência para a conta {} o mais depressa possível."),
            ("ip", "O último acesso veio do endereço {} e não fui eu."),
        ),
        ("Muito obrigado pela vossa ajuda!", "Com os melhores cumprimentos", "Até breve 😊"),
    ),
    Language(
        "ja",
        ("ja-JP",),
        (("太郎", "taro"), ("花子", "hanako"), ("一郎", "ichiro")),
        ("例", "見本", "試験"),
        ("荷物が届きません", "ログインできません", "請求書の件", "返金のお願い"),
        (
            "配達済みと表示されていますが、荷物がまだ届いていません。",
            "同じ注文の代金が二回請求されたので、返金をお願いします。",
            "前回の更新のあと、アプリを開くとすぐに終了してしまいます。",
            "暖房が冷たいままで、三回も連絡したのに誰からも返事がありません。",
        ),
        (
            ("email", "ご連絡は {} までお願いします。"),
            ("phone", "夕方の五時以降に {} へお電話ください。"),
            ("credit_card", "月曜日に {} のカードで支払いました。"),
            ("iban", "返金は {} の口座にお願いします。"),
            ("ip", "最後のログインは {} からで、私ではありません。"),
        ),
        ("どうぞよろしくお願いいたします。", "ありがとうございます 🙇", "お返事をお待ちしています。"),
    ),
)
