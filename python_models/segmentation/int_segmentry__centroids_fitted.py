from segmentry.clustering import fit_centroids
from segmentry.engines.frames import frame
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = frame(dbt.ref("int_segmentry__features_sampled"))
    selection = frame(dbt.ref("int_segmentry__k_selected"))
    return fit_centroids(features, selection, settings)
