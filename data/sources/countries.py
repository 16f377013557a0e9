"""Country codes: the numbers of Gleditsch and Ward (which UCDP uses) and names, to ISO 3166-1 alpha-3."""

from __future__ import annotations

import unicodedata

#: Gleditsch-Ward number to ISO3 (Gleditsch & Ward 1999, doi:10.1080/03050629908434958).
_GW = """
2 USA 20 CAN 31 BHS 40 CUB 41 HTI 42 DOM 51 JAM 52 TTO 53 BRB 54 DMA 55 GRD 56 LCA 57 VCT 58 ATG 60 KNA 70
MEX 80 BLZ 90 GTM 91 HND 92 SLV 93 NIC 94 CRI 95 PAN 100 COL 101 VEN 110 GUY 115 SUR 130 ECU 135 PER 140 BRA
145 BOL 150 PRY 155 CHL 160 ARG 165 URY 200 GBR 205 IRL 210 NLD 211 BEL 212 LUX 220 FRA 221 MCO 223 LIE 225
CHE 230 ESP 232 AND 235 PRT 255 DEU 260 DEU 290 POL 305 AUT 310 HUN 316 CZE 317 SVK 325 ITA 331 SMR 338 MLT
339 ALB 340 SRB 341 MNE 343 MKD 344 HRV 345 SRB 346 BIH 347 XKX 349 SVN 350 GRC 352 CYP 355 BGR 359 MDA 360
ROU 365 RUS 366 EST 367 LVA 368 LTU 369 UKR 370 BLR 371 ARM 372 GEO 373 AZE 375 FIN 380 SWE 385 NOR 390 DNK
395 ISL 402 CPV 403 STP 404 GNB 411 GNQ 420 GMB 432 MLI 433 SEN 434 BEN 435 MRT 436 NER 437 CIV 438 GIN 439
BFA 450 LBR 451 SLE 452 GHA 461 TGO 471 CMR 475 NGA 481 GAB 482 CAF 483 TCD 484 COG 490 COD 500 UGA 501 KEN
510 TZA 516 BDI 517 RWA 520 SOM 522 DJI 530 ETH 531 ERI 540 AGO 541 MOZ 551 ZMB 552 ZWE 553 MWI 560 ZAF 565
NAM 570 LSO 571 BWA 572 SWZ 580 MDG 581 COM 590 MUS 591 SYC 600 MAR 615 DZA 616 TUN 620 LBY 625 SDN 626 SSD
630 IRN 640 TUR 645 IRQ 651 EGY 652 SYR 660 LBN 663 JOR 666 ISR 667 PSE 670 SAU 678 YEM 680 YEM 690 KWT 692
BHR 694 QAT 696 ARE 698 OMN 700 AFG 701 TKM 702 TJK 703 KGZ 704 UZB 705 KAZ 710 CHN 711 CHN 712 MNG 713 TWN
731 PRK 732 KOR 740 JPN 750 IND 760 BTN 770 PAK 771 BGD 775 MMR 780 LKA 781 MDV 790 NPL 800 THA 811 KHM 812
LAO 816 VNM 817 VNM 820 MYS 830 SGP 835 BRN 840 PHL 850 IDN 860 TLS 900 AUS 910 PNG 920 NZL 935 VUT 940 SLB
946 KIR 947 TUV 950 FJI 955 TON 970 NRU 983 MHL 986 PLW 987 FSM 990 WSM
"""
_TOKENS = _GW.split()
GW_TO_ISO3: dict[int, str] = {int(n): c for n, c in zip(_TOKENS[::2], _TOKENS[1::2], strict=True)}

#: Names of the countries this project is about, in the spellings that sources use.
_NAMES = {
    "MLI": ("Mali",),
    "BFA": ("Burkina Faso", "Burkina"),
    "NER": ("Niger",),
    "BEN": ("Benin",),
    "TGO": ("Togo",),
    "CIV": ("Ivory Coast", "Cote d'Ivoire", "Côte d’Ivoire"),
    "SEN": ("Senegal",),
    "GNB": ("Guinea-Bissau", "Guinea Bissau"),
    "GIN": ("Guinea",),
    "MRT": ("Mauritania",),
    "DZA": ("Algeria",),
    "GHA": ("Ghana",),
    "NGA": ("Nigeria",),
    "CMR": ("Cameroon",),
    "TCD": ("Chad",),
    "LBY": ("Libya",),
    "LBR": ("Liberia",),
    "GMB": ("Gambia", "The Gambia"),
    "SLE": ("Sierra Leone",),
    "CAF": ("Central African Republic",),
    "SDN": ("Sudan",),
    "MAR": ("Morocco",),
    "TUN": ("Tunisia",),
    "ESH": ("Western Sahara",),
}

#: ISO 3166-1 numbers (which ACLED uses) of the same countries.
_ISO_NUMBERS = """
466 MLI 854 BFA 562 NER 204 BEN 768 TGO 384 CIV 686 SEN 624 GNB 324 GIN 478 MRT 12 DZA 288 GHA 566 NGA 120 CMR
148 TCD 434 LBY 430 LBR 270 GMB 694 SLE 140 CAF 729 SDN 504 MAR 788 TUN 732 ESH
"""
_PAIRS = _ISO_NUMBERS.split()
ISO_NUMBER: dict[int, str] = {int(n): c for n, c in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)}


def plain(name: str) -> str:
    """A name for comparing: lower case, no accents, typographic apostrophes straightened.

    >>> plain("Côte d’Ivoire")
    "cote d'ivoire"
    """
    bare = unicodedata.normalize("NFKD", name.replace("’", "'")).encode("ascii", "ignore").decode()
    return " ".join(bare.lower().split())


NAME_TO_ISO3 = {plain(name): code for code, names in _NAMES.items() for name in names}
#: The name used in messages and reports.
COUNTRY_NAMES = {code: names[0] for code, names in _NAMES.items()}


def iso3(value: object) -> str:
    """ISO3 of a Gleditsch-Ward number, a name or an ISO3 code; empty where it is not known.

    >>> iso3(432), iso3("Burkina Faso"), iso3("ner"), iso3("Atlantis")
    ('MLI', 'BFA', 'NER', '')
    """
    text = str(value).strip()
    if text.isdigit():
        return GW_TO_ISO3.get(int(text), "")
    if plain(text) in NAME_TO_ISO3:
        return NAME_TO_ISO3[plain(text)]
    return text.upper() if text.upper() in _CODES else ""


_CODES = {*GW_TO_ISO3.values(), *_NAMES}
