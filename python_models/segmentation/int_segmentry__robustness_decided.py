from segmentry.engines.frames import frame
from segmentry.robustness import overall_robustness


def model(dbt, session):
    return overall_robustness(frame(dbt.ref("int_segmentry__robustness_summarised")))
