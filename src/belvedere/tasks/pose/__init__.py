"""The pose task: where are a person's joints?"""

from belvedere.tasks.pose.decode import PoseDecoder, decode_pose
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SIGMAS, COCO_SKELETON
from belvedere.tasks.pose.metrics import keypoint_similarity, percentage_of_correct_keypoints
from belvedere.tasks.pose.result import Keypoint, PoseResult

__all__ = [
    "COCO_KEYPOINTS",
    "COCO_SIGMAS",
    "COCO_SKELETON",
    "Keypoint",
    "PoseDecoder",
    "PoseResult",
    "decode_pose",
    "keypoint_similarity",
    "percentage_of_correct_keypoints",
]
