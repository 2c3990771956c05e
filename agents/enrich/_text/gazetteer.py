"""Short lists of names: countries, large cities, given names and organisations that are written about often.

English spellings, and local ones of the larger countries. The lists are ours, short on purpose: each entry costs
precision where it is another word as well (Nice, Reading, Jordan stand in none of them or in one only).
"""

from typing import Final


def _lines(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.replace("\n", ";").split(";") if name.strip())


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COUNTRIES: Final = _lines(
    """Afghanistan; Albania; Algeria; Andorra; Angola; Argentina; Armenia; Australia; Austria; Azerbaijan; Bahamas
    Bahrain; Bangladesh; Barbados; Belarus; Belgium; Belize; Benin; Bhutan; Bolivia; Bosnia and Herzegovina
    Botswana; Brazil; Brunei; Bulgaria; Burkina Faso; Burundi; Cambodia; Cameroon; Canada; Cape Verde; Chile; China
    Colombia; Comoros; Costa Rica; Croatia; Cuba; Cyprus; Czech Republic; Czechia; Denmark; Djibouti
    Dominican Republic; Ecuador; Egypt; El Salvador; Equatorial Guinea; Eritrea; Estonia; Eswatini; Ethiopia; Fiji
    Finland; France; Gabon; Gambia; Germany; Ghana; Greece; Greenland; Grenada; Guatemala; Guinea; Guyana; Haiti
    Honduras; Hungary; Iceland; India; Indonesia; Iran; Iraq; Ireland; Israel; Italy; Ivory Coast; Jamaica; Japan
    Kazakhstan; Kenya; Kosovo; Kuwait; Kyrgyzstan; Laos; Latvia; Lebanon; Lesotho; Liberia; Libya; Liechtenstein
    Lithuania; Luxembourg; Madagascar; Malawi; Malaysia; Maldives; Malta; Mauritania; Mauritius; Mexico; Moldova
    Monaco; Mongolia; Montenegro; Morocco; Mozambique; Myanmar; Namibia; Nepal; Netherlands; New Zealand; Nicaragua
    Nigeria; North Korea; North Macedonia; Norway; Oman; Pakistan; Palestine; Panama; Papua New Guinea; Paraguay
    Peru; Philippines; Poland; Portugal; Qatar; Romania; Russia; Rwanda; Samoa; San Marino; Saudi Arabia; Senegal
    Serbia; Seychelles; Sierra Leone; Slovakia; Slovenia; Somalia; South Africa; South Korea; South Sudan; Spain
    Sri Lanka; Sudan; Suriname; Sweden; Switzerland; Syria; Taiwan; Tajikistan; Tanzania; Thailand; Tunisia; Turkey
    Türkiye; Turkmenistan; Uganda; Ukraine; United Arab Emirates; United Kingdom; United States
    United States of America; Uruguay; Uzbekistan; Vanuatu; Venezuela; Vietnam; Yemen; Zambia; Zimbabwe; England
    Scotland; Wales; Northern Ireland; USA; UK; UAE; Deutschland; Österreich; Schweiz; Frankreich; Spanien; Italien
    Polen; Niederlande; Belgien; Allemagne; Espagne; Suisse; Belgique; España; Alemania; Francia; México; Brasil
    Italia; Europe; Asia; Africa; Hong Kong; Puerto Rico"""
)
CITIES: Final = _lines(
    """London; Paris; Berlin; Madrid; Rome; Vienna; Wien; Zurich; Zürich; Geneva; Genève; Genf; Bern; Brussels
    Amsterdam; Rotterdam; The Hague; Copenhagen; Stockholm; Gothenburg; Oslo; Bergen; Helsinki; Dublin; Edinburgh
    Glasgow; Manchester; Birmingham; Liverpool; Leeds; Bristol; Cambridge; Oxford; Munich; München; Hamburg; Cologne
    Köln; Frankfurt; Stuttgart; Düsseldorf; Leipzig; Dresden; Hannover; Nuremberg; Nürnberg; Bremen; Lyon; Marseille
    Toulouse; Bordeaux; Lille; Strasbourg; Barcelona; Valencia; Seville; Sevilla; Bilbao; Lisbon; Lisboa; Porto
    Milan; Milano; Turin; Naples; Florence; Venice; Bologna; Athens; Thessaloniki; Istanbul; Ankara; Izmir; Warsaw
    Krakow; Kraków; Gdansk; Prague; Praha; Brno; Bratislava; Budapest; Bucharest; Sofia; Belgrade; Zagreb; Ljubljana
    Sarajevo; Skopje; Tirana; Vilnius; Riga; Tallinn; Minsk; Kyiv; Kiev; Kharkiv; Odesa; Odessa; Lviv; Moscow
    Saint Petersburg; St. Petersburg; Tbilisi; Yerevan; Baku; Tashkent; Almaty; Astana; New York; New York City
    Los Angeles; Chicago; Houston; Phoenix; Philadelphia; San Antonio; San Diego; Dallas; San Jose; San Francisco
    Seattle; Boston; Detroit; Atlanta; Miami; Denver; Las Vegas; Portland; Minneapolis; New Orleans; Salt Lake City
    Pittsburgh; Washington, D.C.; Washington D.C.; Washington DC; Silicon Valley; Toronto; Montreal; Montréal
    Vancouver; Ottawa; Calgary; Mexico City; Guadalajara; Havana; Bogotá; Bogota; Lima; Quito; Caracas; Santiago
    Buenos Aires; Montevideo; São Paulo; Sao Paulo; Rio de Janeiro; Brasília; Cairo; Alexandria; Casablanca; Tunis
    Algiers; Lagos; Abuja; Accra; Nairobi; Addis Ababa; Kampala; Kigali; Johannesburg; Cape Town; Pretoria; Durban
    Luanda; Dakar; Khartoum; Tel Aviv; Jerusalem; Beirut; Damascus; Amman; Baghdad; Tehran; Riyadh; Jeddah; Dubai
    Abu Dhabi; Doha; Kuwait City; Muscat; Kabul; Karachi; Lahore; Islamabad; New Delhi; Delhi; Mumbai; Bangalore
    Bengaluru; Chennai; Kolkata; Hyderabad; Pune; Dhaka; Kathmandu; Colombo; Bangkok; Hanoi; Ho Chi Minh City
    Phnom Penh; Kuala Lumpur; Singapore; Jakarta; Manila; Beijing; Shanghai; Shenzhen; Guangzhou; Chengdu; Wuhan
    Tianjin; Taipei; Seoul; Busan; Pyongyang; Tokyo; Osaka; Kyoto; Yokohama; Sydney; Melbourne; Brisbane; Perth
    Auckland; Wellington; Honolulu; California; Texas; Florida; Virginia; Massachusetts; Illinois; Pennsylvania
    Ohio; Michigan; Colorado; Oregon; Arizona; Nevada; New Jersey; North Carolina; South Carolina; Ontario; Quebec
    Québec; British Columbia; Bavaria; Bayern; Catalonia; Crimea; Siberia; Kashmir; Gaza; West Bank; Xinjiang; Tibet
    Mariupol; Donetsk; Kherson"""
)
GIVEN: Final = _words(
    """Aaron Abdul Abdullah Adam Adrian Agnes Ahmed Ahmad Aisha Alan Albert Alejandro Alessandro Alex Alexander
    Alexandra Alexei Alfred Ali Alice Alicia Alina Amanda Amara Amelia Amina Amir Amy Ana Anastasia Anders Andrea
    Andreas Andrei Andrew André Andrés Andy Angela Angelina Anita Anja Ann Anna Anne Annette Anthony Antonio António
    Arthur Ashley Astrid Axel Barbara Beatrice Ben Benjamin Bernard Bernd Beth Betty Bianca Bill Birgit Björn Bob
    Boris Brandon Brenda Brian Bruce Camille Carl Carla Carlos Carmen Carol Caroline Catherine Cecilia Charles
    Charlotte Chen Chiara Chloe Chris Christian Christina Christine Christoph Christopher Claire Clara Claude
    Claudia Connor Craig Cristina Cynthia Daniel Daniela David Deborah Dennis Diana Diego Dieter Dmitri Dmitry
    Dominic Dominik Donald Donna Dorothy Douglas Edgar Edith Eduardo Edward Elena Eleanor Elias Elisabeth Elizabeth
    Ella Ellen Elon Emily Emma Emmanuel Enrique Eric Erik Erika Ernest Esther Eugene Eva Evelyn Fabian Fatima Felix
    Fernando Fiona Florian Francesca Francesco Francis Francisco Frank Franz François Françoise Fred Frederick
    Friedrich Fritz Gabriel Gabriela Gary George Gerald Gerhard Gianni Giorgio Giovanni Giulia Giuseppe Gloria
    Gordon Graham Greg Gregory Greta Guillaume Gustav Hamid Hannah Hans Harold Harry Hassan Heather Heidi Heinrich
    Helen Helena Helga Henri Henrik Henry Herbert Hiroshi Howard Hugo Hussein Ian Ibrahim Igor Ines Ingrid Irene
    Isaac Isabel Isabella Ivan Jack Jacob Jacqueline Jacques Jakob James Jamie Jan Jane Janet Jason Javier Jean Jeff
    Jeffrey Jennifer Jens Jeremy Jesse Jessica Jim Jimmy Joachim Joan Joanna Joe Joel Johan Johanna Johannes John
    Jonas Jonathan Jorge Josef Joseph Joshua José Juan Judith Julia Julian Julie Justin Jörg Jürgen Karen Karin Karl
    Katarina Kate Katharina Katherine Kathleen Katrin Keith Kelly Ken Kenneth Kenji Kevin Kim Klaus Kristina Kumar
    Kurt Kyle Lars Laura Lauren Laurent Lawrence Lea Lee Leila Lena Leo Leon Leonard Leonardo Lewis Liam Linda Lisa
    Louis Louise Luca Lucas Lucia Lucy Luis Luisa Lukas Luke Lydia Magdalena Manuel Marc Marcel Marco Marcus
    Margaret Maria Mariam Marie Marina Mario Marion Marius Mark Markus Marta Martha Martin Martina Mary Mateo Matt
    Matteo Matthew Matthias Maurice Max Maximilian Maya Megan Mehmet Mei Melanie Melissa Mia Michael Michel Michelle
    Miguel Mike Mikhail Milan Miriam Mohamed Mohammad Mohammed Monica Monika Moritz Muhammad Mustafa Nadia Nancy
    Natalia Natalie Natasha Nathan Neil Nicholas Nick Nicola Nicolas Nicole Nigel Nikolai Nina Noah Nora Norbert
    Norman Oksana Olaf Oleg Olga Oliver Olivia Olivier Omar Oscar Oskar Pablo Pamela Patricia Patrick Paul Paula
    Pauline Pavel Pedro Penelope Peter Petra Philip Philipp Philippe Phillip Pierre Piotr Priya Rachel Rafael Rainer
    Raj Ralf Ralph Ramon Raphael Raymond Rebecca Regina Renate René Ricardo Richard Rita Robert Roberto Roger Roland
    Rolf Roman Ronald Rosa Rose Roy Ruth Ryan Sabine Sally Sam Samantha Samir Samuel Sandra Sara Sarah Satoshi Scott
    Sean Sebastian Sergei Sergey Sergio Sharon Sheila Silvia Simon Simone Sofie Sonja Sophia Sophie Stefan Stefanie
    Stella Stephan Stephanie Stephen Steve Steven Susan Susanne Svetlana Sven Sylvia Takeshi Tanja Tatiana Ted
    Teresa Terry Theresa Thomas Tim Timothy Tobias Tom Tony Tracy Udo Ulrich Ursula Uwe Valentina Valerie Vanessa
    Vera Veronica Victor Victoria Viktor Vincent Virginia Vladimir Volodymyr Walter Wanda Wendy Werner Wilhelm
    William Wolfgang Xavier Yasmin Yuki Yulia Yuri Yusuf Yves Yvonne Zoe"""
)
ORGANISATIONS: Final = _lines(
    """Google; Microsoft; Amazon; Facebook; IBM; Intel; Nvidia; NVIDIA; AMD; Oracle; SAP; Siemens; Bosch; BMW
    Volkswagen; Daimler; Mercedes-Benz; Toyota; Honda; Tesla; SpaceX; Boeing; Airbus; Lockheed Martin; Raytheon
    Samsung; Sony; Panasonic; Huawei; Alibaba; Tencent; ByteDance; Netflix; PayPal; Mastercard; Walmart; Starbucks
    McDonald's; Coca-Cola; PepsiCo; Nestlé; Unilever; Pfizer; Moderna; BioNTech; Novartis; Roche; Bayer; BASF
    Gazprom; Rosneft; Lufthansa; Ryanair; ExxonMobil; Chevron; TotalEnergies; Goldman Sachs; JPMorgan Chase
    JPMorgan; Morgan Stanley; Citigroup; Barclays; HSBC; UBS; Credit Suisse; Deutsche Bank; Commerzbank; BNP Paribas
    Société Générale; World Bank; IMF; United Nations; UN; NATO; European Union; EU; European Commission
    European Central Bank; UNESCO; UNICEF; WHO; World Health Organization; Red Cross; Amnesty International
    Greenpeace; Interpol; Europol; FBI; CIA; NSA; CISA; MI6; GCHQ; BSI; NASA; ESA; CERN; MIT; Reuters; Bloomberg
    BBC; CNN; Associated Press; The New York Times; The Guardian; Der Spiegel; Le Monde; OpenAI; GitHub; LinkedIn
    Cisco; Adobe; Salesforce; Cloudflare; CrowdStrike; Mandiant; Kaspersky; Palo Alto Networks; FireEye; Symantec
    McAfee; Proofpoint; Accenture; Deloitte; KPMG; PwC; McKinsey; Lazarus Group; Fancy Bear; Cozy Bear
    Wizard Spider; Kremlin; Pentagon; White House; Bundestag; Hamas; Hezbollah; Taliban; Al-Qaeda
    Apache Software Foundation; Mozilla; Red Hat; VMware; Dell; Lenovo; Nokia; Ericsson; Vodafone; Deutsche Telekom
    AT&T; Verizon; T-Mobile; Uber; Airbnb; Spotify; Zalando"""
)
