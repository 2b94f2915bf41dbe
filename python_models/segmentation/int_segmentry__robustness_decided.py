from segmentry.robustness import overall_robustness


def model(dbt, session):
    return overall_robustness(dbt.ref("int_segmentry__robustness_summarised").df())
