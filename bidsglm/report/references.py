"""What the methods text cites."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "Friston et al., 1994": "Friston KJ, Holmes AP, Worsley KJ, Poline JP, Frith CD, Frackowiak RSJ"
        " (1994). Statistical parametric maps in functional imaging: a general linear approach."
        " Human Brain Mapping 2: 189-210. doi:10.1002/hbm.460020402",
        "Friston et al., 2002": "Friston KJ, Glaser DE, Henson RNA, Kiebel S, Phillips C, Ashburner J (2002)."
        " Classical and Bayesian inference in neuroimaging: applications. NeuroImage 16: 484-512."
        " doi:10.1006/nimg.2002.1091",
        "Penny et al., 2007": "Penny WD, Friston KJ, Ashburner JT, Kiebel SJ, Nichols TE, editors (2007)."
        " Statistical Parametric Mapping: The Analysis of Functional Brain Images. Academic Press, London.",
        "Abraham et al., 2014": "Abraham A, Pedregosa F, Eickenberg M, Gervais P, Mueller A, Kossaifi J,"
        " Gramfort A, Thirion B, Varoquaux G (2014). Machine learning for neuroimaging with scikit-learn."
        " Frontiers in Neuroinformatics 8: 14. doi:10.3389/fninf.2014.00014",
        "Cox, 1996": "Cox RW (1996). AFNI: software for analysis and visualization of functional magnetic"
        " resonance neuroimages. Computers and Biomedical Research 29: 162-173. doi:10.1006/cbmr.1996.0014",
        "Chen et al., 2012": "Chen G, Saad ZS, Nath AR, Beauchamp MS, Cox RW (2012). FMRI group analysis"
        " combining effect estimates and their variances. NeuroImage 60: 747-765."
        " doi:10.1016/j.neuroimage.2011.12.060",
        "Jenkinson et al., 2012": "Jenkinson M, Beckmann CF, Behrens TEJ, Woolrich MW, Smith SM (2012). FSL."
        " NeuroImage 62: 782-790. doi:10.1016/j.neuroimage.2011.09.015",
        "Woolrich et al., 2001": "Woolrich MW, Ripley BD, Brady M, Smith SM (2001). Temporal autocorrelation"
        " in univariate linear modeling of FMRI data. NeuroImage 14: 1370-1386. doi:10.1006/nimg.2001.0931",
        "Esteban et al., 2019": "Esteban O, Markiewicz CJ, Blair RW, et al. (2019). fMRIPrep: a robust"
        " preprocessing pipeline for functional MRI. Nature Methods 16: 111-116."
        " doi:10.1038/s41592-018-0235-4",
        "Gorgolewski et al., 2016": "Gorgolewski KJ, Auer T, Calhoun VD, et al. (2016). The brain imaging"
        " data structure, a format for organizing and describing outputs of neuroimaging experiments."
        " Scientific Data 3: 160044. doi:10.1038/sdata.2016.44",
        "Lin, 1989": "Lin LI (1989). A concordance correlation coefficient to evaluate reproducibility."
        " Biometrics 45: 255-268. doi:10.2307/2532051",
        "Bland & Altman, 1986": "Bland JM, Altman DG (1986). Statistical methods for assessing agreement"
        " between two methods of clinical measurement. The Lancet 327: 307-310."
        " doi:10.1016/S0140-6736(86)90837-8",
        "Benjamini & Hochberg, 1995": "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate:"
        " a practical and powerful approach to multiple testing. Journal of the Royal Statistical Society B"
        " 57: 289-300. doi:10.1111/j.2517-6161.1995.tb02031.x",
        "Iglewicz & Hoaglin, 1993": "Iglewicz B, Hoaglin DC (1993). How to Detect and Handle Outliers. ASQC"
        " Quality Press, Milwaukee.",
        "McGraw & Wong, 1996": "McGraw KO, Wong SP (1996). Forming inferences about some intraclass"
        " correlation coefficients. Psychological Methods 1: 30-46. doi:10.1037/1082-989X.1.1.30",
        "Shapley, 1953": "Shapley LS (1953). A value for n-person games. In: Kuhn HW, Tucker AW, editors."
        " Contributions to the Theory of Games II. Princeton University Press: 307-317.",
        "Cook & Weisberg, 1982": "Cook RD, Weisberg S (1982). Residuals and Influence in Regression. Chapman"
        " and Hall, New York.",
        "Efron & Tibshirani, 1993": "Efron B, Tibshirani RJ (1993). An Introduction to the Bootstrap. Chapman"
        " and Hall, New York.",
        "Rosenblatt et al., 2018": "Rosenblatt JD, Finos L, Weeda WD, Solari A, Goeman JJ (2018)."
        " All-Resolutions Inference for brain imaging. NeuroImage 181: 786-796."
        " doi:10.1016/j.neuroimage.2018.07.060",
        "Bowring et al., 2019": "Bowring A, Maumet C, Nichols TE (2019). Exploring the impact of analysis"
        " software on task fMRI results. Human Brain Mapping 40: 3362-3384. doi:10.1002/hbm.24603",
    }
)
"""Citation as in the paragraphs -> full reference."""


def cited(texts: Sequence[str]) -> tuple[str, ...]:
    """Select the references that the paragraphs cite, in alphabetical order.

    >>> [reference[:20] for reference in cited(["as usual (Lin, 1989)"])]
    ['Lin LI (1989). A con']
    """
    return tuple(sorted(text for key, text in REFERENCES.items() if any(key in t for t in texts)))
