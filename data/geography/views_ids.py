"""How VIEWS numbers months and countries: months from January 1980, countries by a list of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import RegionError
from .countries import numbered

#: VIEWS' ``country_id`` and ISO3 of every country of today. The numbers are those of the country table that came with
#: the VIEWS prediction challenge 2023/24 and of the package views-reporting 0.3.4, which agree; where both know several
#: numbers for one country over time, the number is the one that owns the country's grid cells now.
_IDS = """
1 GUY 2 SUR 3 TTO 4 VEN 5 WSM 6 TON 7 ARG 8 BOL 9 BRA 10 CHL 11 ECU 12 PRY 13 PER 14 URY 16 GTM 17 MEX 18 BRB
19 DMA 20 GRD 21 LCA 22 VCT 23 DOM 24 HTI 25 JAM 26 BHS 27 BLZ 28 COL 29 CRI 30 CUB 31 SLV 32 HND 33 NIC 34
PAN 35 ATG 36 KNA 37 ISL 38 IRL 39 GBR 40 CPV 41 CIV 42 GHA 43 LBR 45 PRT 46 ESP 47 BFA 48 GIN 49 GNB 50 MLI
52 SEN 53 SLE 54 GMB 55 DJI 56 ERI 57 ETH 58 MNG 60 IRQ 62 JOR 63 KAZ 64 NOR 65 RUS 66 SWE 67 DZA 69 CMR 70
CAF 73 TUN 74 BEN 76 GNQ 77 KIR 78 NER 79 NGA 80 STP 81 TGO 82 ALB 83 BIH 84 HRV 85 ITA 86 MKD 87 MLT 89 BGR
90 CYP 92 GEO 93 GRC 94 LBN 96 TUR 97 AUT 98 CZE 99 DNK 100 HUN 101 POL 102 SVK 103 SVN 104 BEL 105 FRA 107
LUX 108 NLD 109 CHE 110 BLR 111 EST 112 FIN 113 LVA 114 LTU 115 MDA 116 ROU 117 UKR 118 MDV 119 OMN 120 SOM
121 LKA 122 TKM 123 UZB 124 YEM 125 ARM 126 AZE 127 BHR 128 IRN 129 KWT 130 QAT 131 SAU 132 ARE 133 AFG 134
KGZ 135 NPL 136 PAK 137 TJK 138 BGD 139 BTN 140 BRN 142 JPN 143 PRK 144 PLW 145 PHL 146 KOR 147 KHM 148 LAO
149 MMR 150 THA 151 VNM 152 MHL 153 FSM 154 BWA 155 BDI 156 RWA 157 ZMB 158 ZWE 159 COM 160 LSO 161 MWI 162
MOZ 163 ZAF 164 SWZ 165 AGO 166 COG 167 COD 168 FJI 169 GAB 170 NAM 171 NZL 172 MDG 173 MUS 174 SYC 176 TLS
177 AUS 178 NRU 179 PNG 180 SLB 181 TUV 182 VUT 183 CAN 184 DEU 198 TWN 199 CHN 205 MYS 206 SGP 209 IDN 213
LBY 214 TCD 218 ISR 220 SYR 222 EGY 223 IND 231 MNE 232 XKX 233 SRB 234 USA 235 UGA 237 KEN 242 TZA 243 MAR
244 MRT 245 SDN 246 SSD
"""
COUNTRY_ID: dict[str, int] = {code: number for number, code in numbered(_IDS)}
#: The month before VIEWS' first.
_MONTH_ZERO = pd.Period("1979-12", freq="M")


def month_id(month: pd.Period | str) -> int:
    """VIEWS' number of a month; January 1980 is 1.

    >>> month_id("1980-01"), month_id("2024-01")
    (1, 529)
    """
    return int(pd.Period(month, freq="M").ordinal - _MONTH_ZERO.ordinal)


def month_of(number: int) -> pd.Period:
    """The month of one of VIEWS' numbers.

    >>> str(month_of(529))
    '2024-01'
    """
    month: pd.Period = _MONTH_ZERO + int(number)
    return month


def country_ids(codes: list[str] | tuple[str, ...]) -> np.ndarray:
    """VIEWS' ``country_id`` of each ISO3 code, int32.

    Raises
    ------
    RegionError
        VIEWS has no number for a code, or it is no ISO3 code.

    Examples
    --------
    >>> country_ids(["MLI", "BFA", "NER"]).tolist()
    [50, 47, 78]
    """
    unknown = sorted(set(codes) - set(COUNTRY_ID))
    if unknown:
        raise RegionError(
            f"VIEWS has no country_id for '{unknown[0]}'.",
            remedy="Give ISO3 codes of countries of today, such as MLI.",
        )
    return np.array([COUNTRY_ID[c] for c in codes], dtype=np.int32)
