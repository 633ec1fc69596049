"""Countries: codes of three letters and names in common use.

Source of the codes: ISO 3166-1. The English names and the codes of two letters come
from Odoo itself.
"""

from __future__ import annotations

#: alpha-2 -> alpha-3
ALPHA_3: dict[str, str] = dict(
    pair.split(":")
    for pair in """
    AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM
    AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR
    BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS BT:BTN
    BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV
    CK:COK CL:CHL CM:CMR CN:CHN CO:COL CR:CRI CU:CUB CV:CPV CW:CUW CX:CXR CY:CYP
    CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY EH:ESH
    ER:ERI ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR
    GD:GRD GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB GN:GIN GP:GLP GQ:GNQ
    GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI
    HU:HUN ID:IDN IE:IRL IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA
    JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR KM:COM KN:KNA KP:PRK
    KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA LR:LBR LS:LSO
    LT:LTU LU:LUX LV:LVA LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL
    MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR MT:MLT MU:MUS
    MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC
    NL:NLD NO:NOR NP:NPL NR:NRU NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG
    PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT
    RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP
    SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD ST:STP
    SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL
    TL:TLS TM:TKM TN:TUN TO:TON TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA
    UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR VN:VNM VU:VUT
    WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE
    """.split()
)

#: alpha-2 -> what people write besides the English name: abbreviations, former names,
#: the country's own name, and the name in its neighbours' languages
ALIASES: dict[str, tuple[str, ...]] = {
    code: tuple(names.split("|"))
    for code, names in {
        "AE": "UAE|Emirates|Vereinigte Arabische Emirate|De Forenede Arabiske Emirater",
        "AT": "Österreich|Oesterreich|Østrig|Autriche",
        "AU": "Australien|Australie",
        "BA": "Bosnia|Bosnien-Hercegovina|Bosnien und Herzegowina",
        "BE": "Belgien|Belgique|België|Bélgica",
        "BG": "Bulgarien|Bulgarie|България",
        "BL": "St. Barthélemy|Saint Barthélemy",
        "BN": "Brunei",
        "BO": "Bolivia, Plurinational State of|Plurinational State of Bolivia",
        "BQ": "Bonaire",
        "BR": "Brasil|Brasilien|Brésil",
        "CA": "Kanada",
        "CD": (
            "Congo, The Democratic Republic of the|"
            "Congo, Democratic Republic of the|Congo-Kinshasa|"
            "Democratic Republic of the Congo|DR Congo|DRC"
        ),
        "CG": "Congo, Republic of the|Congo-Brazzaville|Republic of the Congo",
        "CH": "Schweiz|Suisse|Svizzera|Svizra|Swiss Confederation",
        "CI": "Ivory Coast|Elfenbenskysten|Elfenbeinküste",
        "CN": "PRC|People's Republic of China|Kina|Chine|中国",
        "CV": "Cabo Verde",
        "CY": "Cypern|Zypern|Chypre|Kypros",
        "CZ": "Czechia|Česko|Česká republika|Tjekkiet|Tschechien|Tchéquie",
        "DE": "Deutschland|Tyskland|Allemagne|Alemania|Federal Republic of Germany|BRD",
        "DK": "Danmark|Dänemark|Danemark|Dinamarca",
        "EE": "Eesti|Estland|Estonie",
        "EG": "Egypten|Ägypten|Égypte",
        "ES": "España|Spanien|Espagne",
        "FI": "Suomi|Finnland|Finlande|Finlandia",
        "FK": "Falkland Islands (Malvinas)|Malvinas",
        "FM": "Micronesia, Federated States of|Federated States of Micronesia",
        "FO": "Færøerne|Føroyar|Faroes|Färöer",
        "FR": "Frankrig|Frankreich|Francia|French Republic",
        "GB": (
            "UK|Great Britain|Britain|England|Scotland|Wales|Storbritannien|"
            "Großbritannien|Vereinigtes Königreich|Royaume-Uni|Reino Unido|"
            "United Kingdom of Great Britain and Northern Ireland"
        ),
        "GL": "Kalaallit Nunaat|Grønland|Grönland|Groenland",
        "GM": "The Gambia",
        "GR": "Hellas|Ελλάδα|Grækenland|Griechenland|Grèce|Grecia|EL",
        "HK": "Hongkong|Hong Kong SAR",
        "HR": "Hrvatska|Kroatien|Croatie",
        "HU": "Magyarország|Ungarn|Hongrie|Hungría",
        "IE": "Éire|Irland|Irlande|Irlanda|Republic of Ireland",
        "IN": "Indien|Inde|Bharat",
        "IR": "Iran, Islamic Republic of|Islamic Republic of Iran",
        "IS": "Ísland|Island|Islande",
        "IT": "Italia|Italien|Italie",
        "JP": "Japon|日本|Nippon",
        "KN": "St. Kitts and Nevis",
        "KP": (
            "Korea, Democratic People's Republic of|"
            "Democratic People's Republic of Korea|DPRK"
        ),
        "KR": (
            "Korea, Republic of|Republic of Korea|Sydkorea|Südkorea|Corée du Sud|"
            "한국|대한민국"
        ),
        "LA": "Lao People's Democratic Republic",
        "LC": "St. Lucia",
        "LT": "Lietuva|Litauen|Lituanie",
        "LU": "Luxemburg|Lëtzebuerg",
        "LV": "Latvija|Letland|Lettland|Lettonie",
        "MA": "Marokko|Maroc|Marruecos",
        "MD": "Moldova, Republic of|Republic of Moldova",
        "MF": "St. Martin|Saint Martin",
        "MK": "Macedonia|Nordmakedonien|Nordmazedonien",
        "MM": "Burma",
        "MO": "Macao",
        "MX": "México|Mexiko|Mexique",
        "NL": (
            "The Netherlands|Holland|Nederland|Nederlandene|Niederlande|Pays-Bas|"
            "Países Bajos"
        ),
        "NO": "Norge|Noreg|Norwegen|Norvège|Noruega",
        "NZ": "Neuseeland|Nouvelle-Zélande|Aotearoa",
        "PH": "The Philippines",
        "PL": "Polska|Polen|Pologne|Polonia",
        "PM": "St. Pierre and Miquelon",
        "PN": "Pitcairn",
        "PS": "Palestine, State of|Palestine",
        "PT": "Portugalia|Portogallo",
        "RO": "România|Rumænien|Rumänien|Roumanie",
        "RS": "Srbija|Србија|Serbien|Serbie",
        "RU": "Russia|Россия|Rusland|Russland|Russie|Rusia",
        "SA": "KSA|Kingdom of Saudi Arabia|Saudi-Arabien",
        "SE": "Sverige|Schweden|Suède|Suecia",
        "SG": "Singapur|Singapour",
        "SH": "St. Helena|Saint Helena",
        "SI": "Slovenija|Slovenien|Slowenien|Slovénie",
        "SK": "Slovensko|Slovakiet|Slowakei|Slovaquie|Slovak Republic",
        "SX": "Sint Maarten",
        "SY": "Syrian Arab Republic",
        "SZ": "Swaziland",
        "TH": "Thailande",
        "TL": "East Timor",
        "TR": "Turkey|Tyrkiet|Türkei|Turquie|Turquía",
        "TT": "Trinidad",
        "TW": "Republic of China|Taiwan, Province of China|臺灣",
        "TZ": "Tanzania, United Republic of|United Republic of Tanzania",
        "UA": "Україна|Ukraina",
        "UM": "United States Minor Outlying Islands",
        "US": (
            "U.S.|America|United States of America|De Forenede Stater|"
            "Vereinigte Staaten|Vereinigte Staaten von Amerika|États-Unis|"
            "Estados Unidos|EE. UU.|Amerika"
        ),
        "VA": "Vatican|Vatican City|Holy See",
        "VC": "St. Vincent and the Grenadines|St. Vincent",
        "VE": "Venezuela, Bolivarian Republic of|Bolivarian Republic of Venezuela",
        "VG": "British Virgin Islands",
        "VI": "US Virgin Islands|Virgin Islands, U.S.|United States Virgin Islands",
        "VN": "Viet Nam",
        "ZA": "Sydafrika|Südafrika|Afrique du Sud|RSA",
    }.items()
}
