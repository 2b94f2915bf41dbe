from segmentry.engines.frames import frame
from segmentry.robustness import summarise_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    replicates = frame(dbt.ref("int_segmentry__replicates_united"))
    return summarise_replicates(replicates, settings)
