from segmentry.engines.frames import frame
from segmentry.robustness import summarise_replicates


def model(dbt, session):
    return summarise_replicates(frame(dbt.ref("int_segmentry__replicates_united")))
