"""Countries of the world: ISO 3166-1 codes of two and three letters and numbers, and names in English."""

from __future__ import annotations

import unicodedata

#: One country a line: three letters, two letters, number, name as it is shown.
_TABLE = """
ABW AW 533 Aruba
AFG AF 4 Afghanistan
AGO AO 24 Angola
AIA AI 660 Anguilla
ALA AX 248 Åland Islands
ALB AL 8 Albania
AND AD 20 Andorra
ARE AE 784 United Arab Emirates
ARG AR 32 Argentina
ARM AM 51 Armenia
ASM AS 16 American Samoa
ATG AG 28 Antigua and Barbuda
AUS AU 36 Australia
AUT AT 40 Austria
AZE AZ 31 Azerbaijan
BDI BI 108 Burundi
BEL BE 56 Belgium
BEN BJ 204 Benin
BES BQ 535 Caribbean Netherlands
BFA BF 854 Burkina Faso
BGD BD 50 Bangladesh
BGR BG 100 Bulgaria
BHR BH 48 Bahrain
BHS BS 44 Bahamas
BIH BA 70 Bosnia and Herzegovina
BLM BL 652 Saint Barthélemy
BLR BY 112 Belarus
BLZ BZ 84 Belize
BMU BM 60 Bermuda
BOL BO 68 Bolivia
BRA BR 76 Brazil
BRB BB 52 Barbados
BRN BN 96 Brunei
BTN BT 64 Bhutan
BWA BW 72 Botswana
CAF CF 140 Central African Republic
CAN CA 124 Canada
CCK CC 166 Cocos Islands
CHE CH 756 Switzerland
CHL CL 152 Chile
CHN CN 156 China
CIV CI 384 Ivory Coast
CMR CM 120 Cameroon
COD CD 180 DR Congo
COG CG 178 Congo
COK CK 184 Cook Islands
COL CO 170 Colombia
COM KM 174 Comoros
CPV CV 132 Cape Verde
CRI CR 188 Costa Rica
CUB CU 192 Cuba
CUW CW 531 Curaçao
CXR CX 162 Christmas Island
CYM KY 136 Cayman Islands
CYP CY 196 Cyprus
CZE CZ 203 Czechia
DEU DE 276 Germany
DJI DJ 262 Djibouti
DMA DM 212 Dominica
DNK DK 208 Denmark
DOM DO 214 Dominican Republic
DZA DZ 12 Algeria
ECU EC 218 Ecuador
EGY EG 818 Egypt
ERI ER 232 Eritrea
ESH EH 732 Western Sahara
ESP ES 724 Spain
EST EE 233 Estonia
ETH ET 231 Ethiopia
FIN FI 246 Finland
FJI FJ 242 Fiji
FLK FK 238 Falkland Islands
FRA FR 250 France
FRO FO 234 Faroe Islands
FSM FM 583 Micronesia
GAB GA 266 Gabon
GBR GB 826 United Kingdom
GEO GE 268 Georgia
GGY GG 831 Guernsey
GHA GH 288 Ghana
GIB GI 292 Gibraltar
GIN GN 324 Guinea
GLP GP 312 Guadeloupe
GMB GM 270 Gambia
GNB GW 624 Guinea-Bissau
GNQ GQ 226 Equatorial Guinea
GRC GR 300 Greece
GRD GD 308 Grenada
GRL GL 304 Greenland
GTM GT 320 Guatemala
GUF GF 254 French Guiana
GUM GU 316 Guam
GUY GY 328 Guyana
HKG HK 344 Hong Kong
HND HN 340 Honduras
HRV HR 191 Croatia
HTI HT 332 Haiti
HUN HU 348 Hungary
IDN ID 360 Indonesia
IMN IM 833 Isle of Man
IND IN 356 India
IRL IE 372 Ireland
IRN IR 364 Iran
IRQ IQ 368 Iraq
ISL IS 352 Iceland
ISR IL 376 Israel
ITA IT 380 Italy
JAM JM 388 Jamaica
JEY JE 832 Jersey
JOR JO 400 Jordan
JPN JP 392 Japan
KAZ KZ 398 Kazakhstan
KEN KE 404 Kenya
KGZ KG 417 Kyrgyzstan
KHM KH 116 Cambodia
KIR KI 296 Kiribati
KNA KN 659 Saint Kitts and Nevis
KOR KR 410 South Korea
KWT KW 414 Kuwait
LAO LA 418 Laos
LBN LB 422 Lebanon
LBR LR 430 Liberia
LBY LY 434 Libya
LCA LC 662 Saint Lucia
LIE LI 438 Liechtenstein
LKA LK 144 Sri Lanka
LSO LS 426 Lesotho
LTU LT 440 Lithuania
LUX LU 442 Luxembourg
LVA LV 428 Latvia
MAC MO 446 Macao
MAF MF 663 Saint Martin
MAR MA 504 Morocco
MCO MC 492 Monaco
MDA MD 498 Moldova
MDG MG 450 Madagascar
MDV MV 462 Maldives
MEX MX 484 Mexico
MHL MH 584 Marshall Islands
MKD MK 807 North Macedonia
MLI ML 466 Mali
MLT MT 470 Malta
MMR MM 104 Myanmar
MNE ME 499 Montenegro
MNG MN 496 Mongolia
MNP MP 580 Northern Mariana Islands
MOZ MZ 508 Mozambique
MRT MR 478 Mauritania
MSR MS 500 Montserrat
MTQ MQ 474 Martinique
MUS MU 480 Mauritius
MWI MW 454 Malawi
MYS MY 458 Malaysia
MYT YT 175 Mayotte
NAM NA 516 Namibia
NCL NC 540 New Caledonia
NER NE 562 Niger
NFK NF 574 Norfolk Island
NGA NG 566 Nigeria
NIC NI 558 Nicaragua
NIU NU 570 Niue
NLD NL 528 Netherlands
NOR NO 578 Norway
NPL NP 524 Nepal
NRU NR 520 Nauru
NZL NZ 554 New Zealand
OMN OM 512 Oman
PAK PK 586 Pakistan
PAN PA 591 Panama
PCN PN 612 Pitcairn Islands
PER PE 604 Peru
PHL PH 608 Philippines
PLW PW 585 Palau
PNG PG 598 Papua New Guinea
POL PL 616 Poland
PRI PR 630 Puerto Rico
PRK KP 408 North Korea
PRT PT 620 Portugal
PRY PY 600 Paraguay
PSE PS 275 Palestine
PYF PF 258 French Polynesia
QAT QA 634 Qatar
REU RE 638 Réunion
ROU RO 642 Romania
RUS RU 643 Russia
RWA RW 646 Rwanda
SAU SA 682 Saudi Arabia
SDN SD 729 Sudan
SEN SN 686 Senegal
SGP SG 702 Singapore
SHN SH 654 Saint Helena
SLB SB 90 Solomon Islands
SLE SL 694 Sierra Leone
SLV SV 222 El Salvador
SMR SM 674 San Marino
SOM SO 706 Somalia
SPM PM 666 Saint Pierre and Miquelon
SRB RS 688 Serbia
SSD SS 728 South Sudan
STP ST 678 São Tomé and Príncipe
SUR SR 740 Suriname
SVK SK 703 Slovakia
SVN SI 705 Slovenia
SWE SE 752 Sweden
SWZ SZ 748 Eswatini
SXM SX 534 Sint Maarten
SYC SC 690 Seychelles
SYR SY 760 Syria
TCA TC 796 Turks and Caicos Islands
TCD TD 148 Chad
TGO TG 768 Togo
THA TH 764 Thailand
TJK TJ 762 Tajikistan
TKL TK 772 Tokelau
TKM TM 795 Turkmenistan
TLS TL 626 Timor-Leste
TON TO 776 Tonga
TTO TT 780 Trinidad and Tobago
TUN TN 788 Tunisia
TUR TR 792 Turkey
TUV TV 798 Tuvalu
TWN TW 158 Taiwan
TZA TZ 834 Tanzania
UGA UG 800 Uganda
UKR UA 804 Ukraine
URY UY 858 Uruguay
USA US 840 United States
UZB UZ 860 Uzbekistan
VAT VA 336 Vatican City
VCT VC 670 Saint Vincent and the Grenadines
VEN VE 862 Venezuela
VGB VG 92 British Virgin Islands
VIR VI 850 US Virgin Islands
VNM VN 704 Vietnam
VUT VU 548 Vanuatu
WLF WF 876 Wallis and Futuna
WSM WS 882 Samoa
XKX XK 983 Kosovo
YEM YE 887 Yemen
ZAF ZA 710 South Africa
ZMB ZM 894 Zambia
ZWE ZW 716 Zimbabwe
"""

#: Other names that sources use.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "BFA": ("Burkina",),
    "BIH": ("Bosnia-Herzegovina", "Bosnia & Herzegovina"),
    "BOL": ("Bolivia, Plurinational State of",),
    "BRN": ("Brunei Darussalam",),
    "CAF": ("Central African Rep.", "République centrafricaine"),
    "CIV": ("Cote d'Ivoire",),
    "COD": ("DR Congo (Zaire)", "Democratic Republic of Congo", "Democratic Republic of the Congo", "Zaire"),
    "COG": ("Republic of the Congo", "Republic of Congo", "Congo-Brazzaville"),
    "CPV": ("Cabo Verde",),
    "CZE": ("Czech Republic",),
    "GBR": ("UK", "Great Britain"),
    "GMB": ("The Gambia",),
    "GNB": ("Guinea Bissau",),
    "IRN": ("Iran, Islamic Republic of",),
    "KGZ": ("Kirgizstan",),
    "KHM": ("Cambodia (Kampuchea)",),
    "KOR": ("Republic of Korea",),
    "LAO": ("Lao PDR", "Lao People's Democratic Republic"),
    "MDA": ("Republic of Moldova",),
    "MDG": ("Madagascar (Malagasy)",),
    "MKD": ("Macedonia", "Macedonia, FYR"),
    "MMR": ("Myanmar (Burma)", "Burma"),
    "PRK": ("Democratic People's Republic of Korea",),
    "PSE": ("Palestinian Territories", "State of Palestine", "Occupied Palestinian Territory"),
    "RUS": ("Russia (Soviet Union)", "Russian Federation"),
    "SRB": ("Serbia (Yugoslavia)",),
    "SWZ": ("Swaziland", "Kingdom of eSwatini"),
    "SYR": ("Syrian Arab Republic",),
    "TLS": ("East Timor",),
    "TUR": ("Türkiye", "Turkiye"),
    "TZA": ("United Republic of Tanzania",),
    "USA": ("United States of America", "US"),
    "VEN": ("Venezuela, Bolivarian Republic of",),
    "VNM": ("Viet Nam", "Vietnam (North Vietnam)"),
    "YEM": ("Yemen (North Yemen)",),
    "ZWE": ("Zimbabwe (Rhodesia)",),
}

_ROWS = [line.split(" ", 3) for line in _TABLE.strip().splitlines()]
#: The name that is shown, by code of three letters.
COUNTRY_NAMES: dict[str, str] = {code: name for code, _, _, name in _ROWS}
#: Codes of two letters, and numbers, to codes of three letters.
ISO2_TO_ISO3: dict[str, str] = {two: code for code, two, _, _ in _ROWS}
ISO_NUMBER: dict[int, str] = {int(number): code for code, _, number, _ in _ROWS}


def numbered(text: str) -> list[tuple[int, str]]:
    """Numbers and codes from a text in which they alternate.

    >>> numbered("432 MLI 436 NER")
    [(432, 'MLI'), (436, 'NER')]
    """
    words = text.split()
    return [(int(number), code) for number, code in zip(words[::2], words[1::2], strict=True)]


def plain(name: str) -> str:
    """A name for comparing: lower case, no accents, typographic apostrophes straightened.

    >>> plain("Côte d’Ivoire")
    "cote d'ivoire"
    """
    bare = unicodedata.normalize("NFKD", name.replace("’", "'")).encode("ascii", "ignore").decode()
    return " ".join(bare.lower().split())


_BY_NAME = {plain(name): code for code, name in COUNTRY_NAMES.items()}
_BY_NAME |= {plain(name): code for code, names in OTHER_NAMES.items() for name in names}


def country_code(text: str) -> str:
    """The code of three letters for a name, or a code of two or three; empty where it is not known.

    >>> country_code("Colombia"), country_code("co"), country_code("Viet Nam"), country_code("Atlantis")
    ('COL', 'COL', 'VNM', '')
    """
    short = text.strip().upper()
    if short in COUNTRY_NAMES:
        return short
    return _BY_NAME.get(plain(text)) or ISO2_TO_ISO3.get(short, "")


def country_name(code: str) -> str:
    """The name of a country in English; the code itself where it is none of ISO 3166-1.

    >>> country_name("CIV"), country_name("COL"), country_name("XXA")
    ('Ivory Coast', 'Colombia', 'XXA')
    """
    return COUNTRY_NAMES.get(code, code)
