"""The anomaly task: is this part as it should be, and if not, where?"""

from belvedere.tasks.anomaly.decode import AnomalyDecoder, decode_outputs
from belvedere.tasks.anomaly.result import AnomalyResult, Region, TypeArea

__all__ = ["AnomalyDecoder", "AnomalyResult", "Region", "TypeArea", "decode_outputs"]
