"""The bibliography: where each number about people comes from.

`checked`: somebody has read the number in the document, or on a page that quotes it and that `page` then names; False
while it is from memory."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    document: str
    edition: str
    page: str  # or table, chart, section
    checked: bool = True

    def __str__(self) -> str:
        return f"{self.document}, {self.edition}, {self.page}"


NEWS2_CHART_1: Final = Reference(
    document="Royal College of Physicians, National Early Warning Score (NEWS) 2", edition="2017", page="chart 1"
)
NEWS2_CHART_2: Final = Reference(
    document="Royal College of Physicians, National Early Warning Score (NEWS) 2",
    edition="2017",
    page="chart 2, thresholds and triggers",
)
TELBIL: Final = Reference(
    document="TELBIL primary-care telemonitoring trial, heart failure and lung disease",
    edition="protocol",
    page="alert thresholds",
)
ATTD_TIME_IN_RANGE: Final = Reference(
    document="American Diabetes Association, Standards of Care, glycemic goals (time in range)",
    edition="consensus bands",
    page="table 6.2",
)
ATTD_CGM_2017: Final = Reference(
    document="Danne et al., International Consensus on Use of Continuous Glucose Monitoring, Diabetes Care 40:1631",
    edition="2017",
    page="episodes of 15 min (as Hornborg Svensson 2022 quotes it); 70 % of 14 days",
)
CGM_TRIALS_2023: Final = Reference(
    document="Battelino et al., Continuous glucose monitoring and metrics for clinical trials, Lancet Diabetes 11:42",
    edition="2023",
    page="extended: below 70 mg/dL for more than 120 min, above 250 for 90 of 120 min (as iglu and cgmguru quote it)",
)
END_OF_LEVEL_2: Final = Reference(
    document="Hjemvakt, where an episode of level 2 ends: with 15 min in range, not below level 2",
    edition="1",
    page="iglu and cgmguru read the statement of 2023 otherwise; a clinical owner must sign it",
    checked=False,
)
CGM_TARGETS_2019: Final = Reference(
    document="Battelino et al., Clinical Targets for CGM Data Interpretation, Diabetes Care 42:1593",
    edition="2019",
    page="targets for adults, and for older or high-risk people, as reported from the ADA sessions of 2019",
)
GMI_2018: Final = Reference(
    document="Bergenstal et al., Glucose Management Indicator (GMI), Diabetes Care 41:2275",
    edition="2018",
    page="3.31 + 0.02392 x mean in mg/dL",
)
GMI_MMOL_PER_MOL: Final = Reference(
    document="Bergenstal et al., Glucose Management Indicator (GMI), Diabetes Care 41:2275",
    edition="2018",
    page="12.71 + 4.70587 x mean in mmol/L (jaeb.org/gmi)",
)
GRI_2022: Final = Reference(
    document="Klonoff et al., A Glycemia Risk Index (GRI), J Diabetes Sci Technol, doi 10.1177/19322968221085273",
    edition="2022",
    page="formula, as the documentation of iglu quotes it",
)
ZHOU_2015: Final = Reference(
    document="Zhou et al., A Real-Time Atrial Fibrillation Detection Algorithm, PLoS ONE 10(9): e0136544",
    edition="2015",
    page="threshold 0.639 over 127 words",
)
ANTHONISEN_1987: Final = Reference(
    document="Anthonisen et al., Antibiotic therapy in exacerbations of COPD, Ann Intern Med 106:196",
    edition="1987",
    page="types 1 to 3 and the supporting symptoms, as NICE NG114 quotes them",
)
TOO_MUCH_OXYGEN: Final = Reference(
    document="Echevarria et al., Oxygen therapy and inpatient mortality in COPD exacerbation, Emerg Med J 38:170",
    edition="2021",
    page="abstract: on oxygen, mortality rises with saturation above 92 %; groups 88-92, 93-96 and 97-100 %",
)
MASIMO_ALARMS: Final = Reference(
    document="Masimo / AAMI, SpO2 alarm threshold and delay", edition="ward data", page="90 to 88 %: -63 %; 15 s: -60 %"
)
HOME_BLOOD_PRESSURE: Final = Reference(
    document="Office blood pressure, single-reading alarm at 180/110 mmHg",
    edition="hypertension guidelines",
    page="grade 3",
)
LOW_BLOOD_PRESSURE: Final = Reference(
    document="Heart failure pathway, what to do in case of hypotension",
    edition="heartfailurepathway.com",
    page="below 90-100 mmHg it explains complaints; the goal is above 90. For others than heart failure a proposal",
)
MAD_FLOORS: Final = Reference(
    document="Hjemvakt, smallest spread of daily values that is believed",
    edition="1",
    page="a clinical owner must sign it",
)
CHANGE_BEFORE_EXACERBATION: Final = Reference(
    document="Respiratory Research, vital signs before an exacerbation of COPD",
    edition="2022, s12931-022-02018-5",
    page="three days before: respiration +2.0 /min, pulse +8.1 /min",
)
ROBUST_Z: Final = Reference(
    document="Iglewicz and Hoaglin, How to Detect and Handle Outliers",
    edition="1993",
    page="modified z-score 3.5 (as the R package modern quotes it)",
)
EWMA_CHART: Final = Reference(
    document="NIST/SEMATECH e-Handbook of Statistical Methods, EWMA control charts", edition="online", page="6.3.2.4"
)
CUSUM_CHART: Final = Reference(
    document="Montgomery and Runger, Applied Statistics and Probability for Engineers, tabular CUSUM",
    edition="chapter 16",
    page="k = 0.5, h = 5 standard deviations: 465 readings between false signals (as SigmaXL quotes it)",
)
MANN_KENDALL: Final = Reference(
    document="Mann 1945 and Kendall 1975, test for trend, with the correction for ties",
    edition="normal approximation",
    page="p < 0.05, from 10 values on (as NCL's trend_manken asks for)",
)
HAMED_RAO: Final = Reference(
    document="Hamed and Rao, A modified Mann-Kendall trend test for autocorrelated data, J Hydrology 204:182",
    edition="1998",
    page="variance of S for correlated ranks",
)
KENDALL_1954: Final = Reference(
    document="Kendall, Note on bias in the estimation of autocorrelation, Biometrika 41:403",
    edition="1954",
    page="lag 1",
    checked=False,
)
THEIL_SEN: Final = Reference(
    document="Theil 1950 and Sen 1968, median of the pairwise slopes",
    edition="1968",
    page="as PNNL's Visual Sample Plan quotes it",
)
WEIGHT_GAIN: Final = Reference(
    document="Heart Failure Association of the European Society of Cardiology, heartfailurematters.org, weight gain",
    edition="tested by Ledwidge 2013 (sensitivity 20-21 %)",
    page="more than 2 kg in 3 days",
)
DAILY_WEIGHT: Final = Reference(
    document="Allina Health and MedStar Health, heart failure: weigh yourself every morning",
    edition="patient education, 2015 and later",
    page="every day, before eating; the self-care table of the European guidelines could not be read",
)
DAILY_OXIMETRY: Final = Reference(
    document="Al Rajeh et al., oximetry at home in COPD, JMIR mHealth uHealth, e17597",
    edition="2020",
    page="daily readings against a stable baseline of 14 days",
)
PREDICTED_LOW: Final = Reference(
    document="Harvey et al., predicting hypoglycaemia from a glucose sensor",
    edition="2012",
    page="30 minutes ahead, two flags in a row",
)
URGENT_LOW_SOON: Final = Reference(
    document="Dexcom, how does the Urgent Low Soon alert work",
    edition="FAQ for G6",
    page="predicted to reach 55 mg/dL within 20 minutes",
)
GLUCOSE_ARROWS: Final = Reference(
    document="Dexcom user's manual, rate of change arrows", edition="section 8.2", page="1, 2 and 3 mg/dL each minute"
)
HOME_PRESSURE_WEEK: Final = Reference(
    document="Hypertension Canada, home blood pressure",
    edition="CHEP 2017; CMAJ 193:E1045, 2021",
    page="7 days, twice each morning and evening, without day 1: mean from 135/85 mmHg on",
)
HJEMVAKT_PROPOSAL: Final = Reference(
    document="Hjemvakt, proposed starting value", edition="1", page="a clinical owner must sign it"
)
PERSONAL: Final = Reference(document="Personal limit", edition="this patient", page="set by staff, with a reason")
TEAM_SETTING: Final = Reference(
    document="Setting of the team", edition="this pathway", page="set by staff, with a reason"
)

BIBLIOGRAPHY: Final = (
    NEWS2_CHART_1,
    NEWS2_CHART_2,
    TELBIL,
    ATTD_TIME_IN_RANGE,
    ATTD_CGM_2017,
    CGM_TRIALS_2023,
    END_OF_LEVEL_2,
    CGM_TARGETS_2019,
    GMI_2018,
    GMI_MMOL_PER_MOL,
    GRI_2022,
    ZHOU_2015,
    ANTHONISEN_1987,
    TOO_MUCH_OXYGEN,
    MASIMO_ALARMS,
    HOME_BLOOD_PRESSURE,
    LOW_BLOOD_PRESSURE,
    MAD_FLOORS,
    CHANGE_BEFORE_EXACERBATION,
    ROBUST_Z,
    EWMA_CHART,
    CUSUM_CHART,
    MANN_KENDALL,
    HAMED_RAO,
    KENDALL_1954,
    THEIL_SEN,
    WEIGHT_GAIN,
    DAILY_WEIGHT,
    DAILY_OXIMETRY,
    PREDICTED_LOW,
    URGENT_LOW_SOON,
    GLUCOSE_ARROWS,
    HOME_PRESSURE_WEEK,
    HJEMVAKT_PROPOSAL,
    PERSONAL,
    TEAM_SETTING,
)
