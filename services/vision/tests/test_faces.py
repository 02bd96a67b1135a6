"""Face detection, mesh, following, gaze and blinks: made motion of real faces, and made curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
import pytest
from faces_lab import Net, Picture, framed, irises_moved, lids_lowered, picture
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from reelscope_vision.analyzers.eye_tracking import _LOOK, CONTACT_DEGREES, NOT_VISIBLE, _blinks, _directions, _Looks
from reelscope_vision.analyzers.face_emotion import _dominant
from reelscope_vision.faces.blinks import CLOSED, blinks
from reelscope_vision.faces.eye_look import EyeLook
from reelscope_vision.faces.follower import MIN_SCORE, RENEW_S, Followed, Follower
from reelscope_vision.faces.gaze import Eyes, eyes_of
from reelscope_vision.faces.geometry import head_pose, pixels
from reelscope_vision.nets.blaze import FACE, Blaze, Detection
from reelscope_vision.nets.crops import Square
from reelscope_vision.nets.emotion import EMOTIONS
from reelscope_vision.nets.face_mesh import (
    LEFT_CORNERS,
    LEFT_EYE,
    LEFT_IRIS,
    RIGHT_CORNERS,
    RIGHT_EYE,
    RIGHT_IRIS,
    Mesh,
    around,
    locate,
)

NEUTRAL = "emotion_face/max_neutral.jpeg"
ONE_FACE = [NEUTRAL, "emotion_face/max_happy-baby.jpeg", "emotion_face/max_sad-baby.jpeg", "age_face/portrait_obama_2012.jpg"]


@pytest.fixture(scope="session")
def detector() -> Blaze:
    return Blaze(Net("face_det_full_192.onnx"), FACE, input_name="input")


@pytest.fixture(scope="session")
def mesh_net() -> Net:
    return Net("face_mesh_attention_192.onnx")


@pytest.fixture
def follower(detector: Blaze, mesh_net: Net) -> Follower:
    return Follower(detect=partial(detector.detect, min_score=MIN_SCORE), locate=partial(locate, mesh_net))


@pytest.fixture
def mesh_of(detector: Blaze, mesh_net: Net) -> Callable[[Picture], Mesh]:
    def find(shown: Picture) -> Mesh:
        found = detector.detect(shown, min_score=MIN_SCORE)[0]
        return locate(mesh_net, shown, around(found.box, found.keypoints[0], found.keypoints[1]))

    return find


@pytest.mark.parametrize("name", ONE_FACE)
def test_one_face_is_found_once(name: str, detector: Blaze) -> None:
    assert len(detector.detect(picture(name), min_score=MIN_SCORE)) == 1


def test_a_drawing_has_no_face(detector: Blaze) -> None:
    assert not detector.detect(picture("emotion_face/max_non_face.jpg"), min_score=MIN_SCORE)


def test_boxes_come_back_from_the_letterbox(detector: Blaze) -> None:
    """The same face in a wide, a tall and a shifted canvas lies where it was put."""
    shown = picture(NEUTRAL, 300)
    height, width = shown.shape[:2]
    (alone,) = detector.detect(shown, min_score=MIN_SCORE)
    for canvas_size, (x, y) in (((400, 700), (350, 60)), ((700, 400), (80, 330))):
        canvas = np.full((*canvas_size, 3), 200, np.uint8)
        canvas[y : y + height, x : x + width] = shown
        (moved,) = detector.detect(canvas, min_score=MIN_SCORE)
        assert np.abs(moved.box - alone.box - np.array([x, y, x, y])).max() < 0.12 * (alone.box[2] - alone.box[0])


@pytest.mark.parametrize("angle", [-0.6, 0.0, 0.4])
def test_a_crop_and_its_way_back_agree(angle: float) -> None:
    shown = np.zeros((200, 300, 3), np.uint8)
    cv2.circle(shown, (170, 90), 3, (255, 255, 255), -1)
    square = Square(150, 100, 120, angle)
    crop = square.cut(shown, 64)
    y, x = np.argwhere(crop[..., 0] > 128).mean(axis=0)
    assert square.to_picture(np.array([[x + 0.5, y + 0.5]]), 64)[0] == pytest.approx([170, 90], abs=2.5)


@pytest.mark.parametrize("angle", [-25, 0, 25])
def test_the_mesh_turns_with_the_face(angle: float, mesh_of: Callable[[Picture], Mesh]) -> None:
    shown = picture(NEUTRAL)
    height, width = shown.shape[:2]
    turned = cv2.warpAffine(shown, cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1), (width, height))
    mesh = mesh_of(turned.astype(np.uint8, copy=False))
    assert mesh.presence > 0.9
    straight = head_pose((mesh_of(shown).points / width).astype(np.float32), 1.0)
    pose = head_pose((mesh.points / width).astype(np.float32), 1.0)
    assert pose.roll - straight.roll == pytest.approx(angle, abs=5)
    assert pose.yaw == pytest.approx(straight.yaw, abs=10)


def test_irises_lie_within_their_eyes(mesh_of: Callable[[Picture], Mesh]) -> None:
    mesh = mesh_of(picture(NEUTRAL)).points[:, :2]
    for iris, (outer, inner) in ((RIGHT_IRIS, RIGHT_CORNERS), (LEFT_IRIS, LEFT_CORNERS)):
        width = np.linalg.norm(mesh[outer] - mesh[inner])
        assert np.linalg.norm(mesh[iris] - (mesh[outer] + mesh[inner]) / 2) < 0.25 * width
    assert mesh[RIGHT_IRIS, 0] < mesh[LEFT_IRIS, 0], "the person's right eye is on the left of the picture"


def followed(follower: Follower, pictures: list[Picture], fps: float = 25.0) -> list[list[Followed]]:
    return [list(follower.update(shown, at / fps, 10.0 if at else float("inf"))) for at, shown in enumerate(pictures)]


def moved(shown: Picture, dx: float, dy: float) -> Picture:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(shown, matrix, shown.shape[1::-1], borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def test_a_moving_face_keeps_its_track_and_place(follower: Follower) -> None:
    shown = picture(NEUTRAL, 400)
    seen = followed(follower, [moved(shown, 3.0 * at, 0) for at in range(25)])
    assert [[face.track for face in faces] for faces in seen] == [[1]] * 25
    first, last = (faces[0].mesh.box for faces in (seen[0], seen[24]))
    # The objects are the same that were updated: only the last place is left, 72 pixels on.
    del first
    start = followed(Follower(follower.detect, follower.locate), [shown])[0][0].mesh.box
    assert last[0] - start[0] == pytest.approx(72, abs=8)


def test_a_mesh_moves_with_its_eyes_and_is_found_anew_now_and_then(follower: Follower) -> None:
    shown = picture(NEUTRAL, 400)
    looks: list[float] = []
    time_s = 0.0

    def locate_counted(view: Picture, square: Square) -> Mesh:
        looks.append(time_s)
        return follower.locate(view, square)

    counted = Follower(follower.detect, locate_counted)
    lefts = []
    for at in range(31):
        time_s = at / 30
        lefts.append(float(counted.update(moved(shown, 2.0 * at, at), time_s, 1.0)[0].mesh.box[0]))
    assert len(looks) <= 12
    assert np.diff(looks).max() <= RENEW_S + 1 / 30 + 1e-6
    assert np.diff(lefts) == pytest.approx(2.0, abs=0.8)  # from a followed mesh to one that is found anew, and back
    assert lefts[-1] - lefts[0] == pytest.approx(60, abs=2)


@pytest.mark.parametrize("longest", [250, 400, 700])
def test_eyes_are_followed_with_the_head_but_not_where_they_are_others(
    longest: int, mesh_of: Callable[[Picture], Mesh]
) -> None:
    shown = picture(NEUTRAL, longest)
    mesh = mesh_of(shown)
    look = EyeLook.of(shown, mesh)
    assert look.shift_to(shown) == pytest.approx((0, 0), abs=1e-6)
    for shift in ((3.0, -2.0), (-1.5, 0.5)):
        assert look.shift_to(moved(shown, *shift)) == pytest.approx(shift, abs=0.3)
    darker = np.clip(shown * 0.8 + 5, 0, 255).astype(np.uint8)
    assert look.shift_to(moved(darker, 2, 1)) == pytest.approx((2, 1), abs=0.4)
    assert look.shift_to(moved(shown, 60, 0)) is None
    assert look.shift_to(moved(lids_lowered(shown, mesh, 0.6), 3, -2)) is None
    assert look.shift_to(moved(irises_moved(shown, mesh, right=0.2), 3, -2)) is None


@pytest.mark.parametrize("edge", ["left", "top", "right", "bottom"])
@pytest.mark.parametrize("longest", [250, 700])
def test_eyes_at_the_edge_of_the_picture_stay_where_they_are(
    edge: str, longest: int, mesh_of: Callable[[Picture], Mesh]
) -> None:
    shown = picture(NEUTRAL, longest)
    mesh = mesh_of(shown)
    left, top, right, bottom = around_both(mesh)
    cut = {"left": np.s_[:, left:], "top": np.s_[top:], "right": np.s_[:, :right], "bottom": np.s_[:bottom]}[edge]
    away = mesh.moved(-left if edge == "left" else 0, -top if edge == "top" else 0)
    seen = np.ascontiguousarray(shown[cut])
    assert EyeLook.of(seen, away).shift_to(seen) == pytest.approx((0, 0), abs=1e-6)


def around_both(mesh: Mesh) -> list[int]:
    eyes = mesh.points[[*RIGHT_EYE, *LEFT_EYE], :2]
    return [*eyes.min(axis=0).astype(int).tolist(), *np.ceil(eyes.max(axis=0)).astype(int).tolist()]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (720, 405)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_eyes_in_a_plain_picture_of_any_size_stay_where_they_are(size: tuple[int, int], level: int) -> None:
    plain = np.full((*size, 3), level, np.uint8)
    rng = np.random.default_rng(level)
    for spread in (10.0, 200.0, 2000.0):
        points = np.concatenate([rng.uniform(-50, spread, (478, 2)), np.zeros((478, 1))], axis=1)
        assert EyeLook.of(plain, Mesh(points, 1.0)).shift_to(plain) == (0, 0)


def test_a_face_that_is_covered_for_a_moment_keeps_its_track(follower: Follower) -> None:
    shown, nothing = picture(NEUTRAL, 400), np.full_like(picture(NEUTRAL, 400), 128)
    seen = followed(follower, [shown] * 10 + [nothing] * 10 + [shown] * 10)
    counts = [len(faces) for faces in seen]
    assert counts[:10] == [1] * 10
    assert counts[11:20] == [0] * 9
    assert counts[-1] == 1
    assert seen[-1][0].track == 1


def test_a_face_that_comes_back_late_is_another_track(follower: Follower) -> None:
    shown, nothing = picture(NEUTRAL, 400), np.full_like(picture(NEUTRAL, 400), 128)
    seen = followed(follower, [shown] * 5 + [nothing] * 40 + [shown] * 5)
    assert [face.track for face in seen[-1]] == [2]


def test_faces_side_by_side_are_two(follower: Follower) -> None:
    shown = picture(NEUTRAL, 360)
    seen = followed(follower, [np.concatenate([shown, shown[:, ::-1]], axis=1)] * 30)
    assert [face.track for face in seen[-1]] == [1, 2]


def eyes_in(shown: Picture, mesh: Mesh) -> Eyes:
    height, width = shown.shape[:2]
    points = (mesh.points / (width, height, width)).astype(np.float32)
    return eyes_of(pixels(points, width / height), head_pose(points, width / height))


@pytest.mark.parametrize("name", [NEUTRAL, "age_face/fairface_0007.jpg", "age_face/fairface_0024.jpg"])
def test_an_iris_moved_in_the_picture_changes_the_gaze(name: str, mesh_of: Callable[[Picture], Mesh]) -> None:
    """By a fifth of an eye's width, 34 degrees, in pictures of people who look into the camera."""
    shown = picture(name)
    mesh = mesh_of(shown)

    def gaze(right: float, down: float) -> Eyes:
        warped = irises_moved(shown, mesh, right=right, down=down)
        return eyes_in(warped, mesh_of(warped))

    ahead = gaze(0, 0)
    assert np.hypot(ahead.yaw, ahead.pitch) < CONTACT_DEGREES
    assert gaze(-0.2, 0).yaw < ahead.yaw - 10
    assert gaze(0.2, 0).yaw > ahead.yaw + 10
    assert gaze(0, -0.2).pitch > ahead.pitch + 15
    assert gaze(0, 0.2).pitch < ahead.pitch - 8, "lids hide what looks down: the mesh follows it least"


def test_the_nearer_eye_of_a_turned_head_tells_whether_it_is_open(mesh_of: Callable[[Picture], Mesh]) -> None:
    shown = picture("age_face/fairface_0042.jpg")
    mesh = mesh_of(shown)
    closed = lids_lowered(shown, mesh, 1.0)
    assert eyes_in(closed, mesh_of(closed)).openness < CLOSED * eyes_in(shown, mesh).openness


@pytest.mark.parametrize(("fps", "share"), [(24.0, 0.25), (30.0, 0.6), (60.0, 0.4)])
def test_lids_that_close_in_the_picture_are_blinks(
    fps: float, share: float, follower: Follower, mesh_of: Callable[[Picture], Mesh]
) -> None:
    """Each lasts 0.15 s, and the mesh is not looked for in most of the frames between them."""
    shown = framed(picture(NEUTRAL), mesh_of(picture(NEUTRAL)), (480, 480), share)
    closed = lids_lowered(shown, mesh_of(shown), 1.0)
    truth, times_s, looks = [0.5, 1.2, 1.5, 2.3], np.arange(round(3 * fps)) / fps, []
    locate, curve = follower.locate, []
    follower.locate = lambda *given: looks.append(given) or locate(*given)  # type: ignore[func-returns-value]
    for at, time_s in enumerate(times_s.tolist()):
        blinks_now = any(start_s <= time_s < start_s + 0.15 for start_s in truth)
        (face,) = follower.update(closed if blinks_now else shown, time_s, 1.0 if at else float("inf"))
        curve.append(eyes_in(shown, face.mesh).openness)
    assert blink_times(np.array(curve), fps) == pytest.approx(truth, abs=1.5 / fps)
    assert len(looks) < 0.7 * len(times_s)


@pytest.mark.parametrize(
    ("size", "share"),
    [((720, 405), 0.05), ((720, 720), 0.05), ((405, 720), 0.05), ((720, 405), 1.0), ((405, 720), 0.8), ((405, 720), 1.0)],
)
def test_faces_of_all_sizes_are_found(
    size: tuple[int, int], share: float, follower: Follower, mesh_of: Callable[[Picture], Mesh]
) -> None:
    for name in (NEUTRAL, "age_face/fairface_0024.jpg", "age_face/fairface_0378.jpg"):
        whole = picture(name)
        shown = framed(whole, mesh_of(whole), size, share)
        alone = Follower(follower.detect, follower.locate)
        seen = [[face.track for face in faces] for faces in followed(alone, [shown] * 8, fps=2.0)]
        assert seen == [[1]] * 8, name
        box = alone.update(shown, 4.0, 1.0)[0].mesh.box
        assert box[3] - box[1] == pytest.approx(share * size[1], rel=0.2)


def test_lips_and_nostrils_are_no_face_within_a_face(mesh_of: Callable[[Picture], Mesh]) -> None:
    """A smaller face that is found first goes when the one that it is a part of is found."""
    shown = picture(NEUTRAL)
    mesh = mesh_of(shown)
    middle, half = (mesh.box[:2] + mesh.box[2:]) / 2, (mesh.box[2:] - mesh.box[:2]) / 6
    part = Mesh((mesh.points - [*middle, 0]) / 3 + [*middle, 0], 1.0)

    def found(box: NDArray[np.float64], points: NDArray[np.float64]) -> Detection:
        return Detection(box, points[[RIGHT_CORNERS[0], LEFT_CORNERS[0]], :2], 0.9)

    small = found(np.concatenate([middle - half, middle + half]), part.points)
    known = [[small], [small, found(mesh.box, mesh.points)]]
    follower = Follower(
        detect=lambda view: known[min(len(seen), 1)] if view is shown else [],
        locate=lambda _, square: part if square.side < mesh.square().side / 2 else mesh,
    )
    seen: list[int] = []
    for at in range(4):
        faces = follower.update(shown, float(at), 100.0)
        seen.append(len(faces))
        assert (faces[0].mesh is mesh) == (at > 1)
    assert seen[0] == seen[-1] == 1


def test_a_network_that_looks_beyond_its_crop_has_seen_no_face() -> None:
    """As the mesh network does in some crops that hold no face."""

    class Failing:
        def __init__(self, text: str) -> None:
            self._text = text

        def run(self, *_: object) -> list[NDArray[np.float32]]:
            raise InvalidArgument(self._text)

    shown, square = np.zeros((64, 64, 3), np.uint8), Square(32, 32, 40)
    failure = "Non-zero status code returned while running GatherND node. Status Message: invalid index found, index = 48"
    assert locate(Failing(failure), shown, square).presence == 0
    with pytest.raises(InvalidArgument):
        locate(Failing("Got invalid dimensions for input"), shown, square)


def test_a_crop_that_is_shrunk_is_blurred_only_where_it_is() -> None:
    shown = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for square in (Square(200, 150, 160, 0.3), Square(20, 280, 200), Square(390, 10, 130, -0.5)):
        side = round(square.side / 40)
        blurred = cv2.blur(shown, (side, side)).astype(np.uint8, copy=False)
        whole = Square(square.x, square.y, square.side, square.angle).cut(blurred, 81)
        part = square.cut(shown, 40)
        again = cv2.resize(whole, (40, 40), interpolation=cv2.INTER_AREA)
        assert np.abs(part.astype(float) - again).mean() < 12
    assert not Square(-300, -300, 100).cut(shown, 20).any()


def openness(
    seconds: float, closures: list[tuple[float, float]], *, fps: float = 25.0, usual: float = 0.3
) -> NDArray[np.float64]:
    times = np.arange(round(seconds * fps)) / fps
    curve = np.full(len(times), usual) + 0.01 * np.sin(np.arange(len(times)))
    for start_s, length_s in closures:
        curve[(times >= start_s) & (times < start_s + length_s)] = 0.08
    return curve


def blink_times(curve: NDArray[np.float64], fps: float) -> list[float]:
    return [first / fps for first, _ in blinks(np.arange(len(curve)) / fps, curve)]


@pytest.mark.parametrize("fps", [15.0, 25.0, 30.0, 60.0])
def test_blinks_are_counted_at_their_times(fps: float) -> None:
    truth = [1.0, 2.4, 2.9, 6.0]
    found = blink_times(openness(8.0, [(at, 0.2) for at in truth], fps=fps), fps)
    assert found == pytest.approx(truth, abs=1.5 / fps)


def test_what_is_no_blink() -> None:
    times = np.arange(250) / 25
    assert not blinks(times, openness(10.0, [(3.0, 2.0)])), "closed eyes"
    assert not blinks(times, openness(10.0, [(0.0, 0.2), (9.9, 0.1)])), "not whole"
    assert not blinks(times, openness(10.0, [(4.0, 0.2)], usual=0.1)), "eyes that were shut already"
    trembling = openness(10.0, [(4.0, 0.32)])
    trembling[104] = 0.21
    assert len(blinks(times, trembling)) == 1, "the mesh of a closed eye trembles"
    smile = openness(10.0, [])
    smile[100:200] *= 0.7
    assert not blinks(times, smile), "narrowed for seconds"
    assert not blinks(times[:2], smile[:2])


def looks(eyes: Sequence[Eyes]) -> _Looks:
    return np.array([(at / 25, (at + 1) / 25, one.yaw, one.pitch, one.openness) for at, one in enumerate(eyes)], _LOOK)


def test_in_a_blink_eyes_look_where_they_did_and_shut_eyes_nowhere() -> None:
    ahead, half, shut = (Eyes(0.0, pitch, opened, 0.05) for pitch, opened in ((2.0, 0.3), (-25.0, 0.17), (-40.0, 0.05)))
    blink = looks([ahead] * 25 + [half, shut, shut, half, half] + [ahead] * 25)
    assert set(_directions(blink, _blinks(blink))) == {"camera"}
    asleep = looks([ahead] * 25 + [half] + [shut] * 50 + [half] + [ahead] * 25)
    states = _directions(asleep, _blinks(asleep))
    assert set(states[35:65]) == {NOT_VISIBLE}
    assert set(states[:20] + states[-20:]) == {"camera"}
    assert _directions(looks([shut] * 5), []) == [NOT_VISIBLE] * 5


def test_an_emotion_stays_while_it_weakens_and_begins_only_when_it_is_clear() -> None:
    rows = np.full((6, 7), 0.05)
    rows[:, EMOTIONS.index("happy")] = (0.45, 0.7, 0.45, 0.3, 0.45, 0.6)
    assert _dominant(rows) == ["uncertain", "happy", "happy", "uncertain", "uncertain", "happy"]


class Known:
    """Faces at known places, and a detector and a mesh network that see exactly those."""

    def __init__(self, *places: tuple[float, float]) -> None:
        self.places, self.picture, self.is_blind = list(places), np.zeros((400, 600, 3), np.uint8), False
        self.follower = Follower(detect=self.detect, locate=self.locate)

    def detect(self, view: Picture) -> list[Detection]:
        places = self.places if view is self.picture and not self.is_blind else []
        eyes = np.array([[-10.0, 0.0], [10.0, 0.0]])
        return [Detection(np.array([x - 20, y - 20, x + 20, y + 20]), np.add(eyes, (x, y)), 0.9) for x, y in places]

    def locate(self, _: Picture, square: Square) -> Mesh:
        x, y = min(self.places, key=lambda place: float(np.hypot(place[0] - square.x, place[1] - square.y)))
        is_there = np.hypot(x - square.x, y - square.y) < 20
        points = np.random.default_rng(0).uniform(-20, 20, (478, 3))
        points[[RIGHT_CORNERS[0], LEFT_CORNERS[0]]] = [-10, 0, 0], [10, 0, 0]
        return Mesh(np.add(points, (x, y, 0)), 0.9 if is_there else 0.1)

    def tracks(self, time_s: float) -> list[int]:
        return [face.track for face in self.follower.update(self.picture, time_s, 10.0)]


def test_nobody_is_lost_while_the_picture_stands_still() -> None:
    """Unchanged frames are not looked at; the detector sees nobody in the first ones that change again."""
    known = Known((100, 200))
    assert {tuple(known.tracks(at / 25)) for at in range(25)} == {(1,)}
    known.is_blind = True
    assert {tuple(known.tracks(9 + at / 25)) for at in range(5)} == {(1,)}
    assert known.tracks(12) == [1]


def test_a_face_that_is_covered_just_before_a_still_keeps_its_track() -> None:
    known = Known((100, 200))
    known.tracks(0.0)
    known.places = [(500, 50)]
    known.is_blind = True
    assert known.tracks(0.2) == []
    assert known.tracks(5.0) == []
    known.places, known.is_blind = [(110, 200)], False
    assert known.tracks(5.2) == [1]


@pytest.mark.parametrize("step_s", [0.5, 1.0, 2.0])
def test_of_many_faces_none_is_forgotten_before_its_turn(step_s: float) -> None:
    """More than are looked at in one frame, and few frames."""
    known = Known(*((60.0 + 100 * at, 200.0) for at in range(5)))
    assert [known.tracks(at * step_s) for at in range(8)] == [[1, 2, 3, 4, 5]] * 8


def test_a_face_that_the_detector_never_sees_again_is_let_go() -> None:
    known = Known((100, 200))
    known.tracks(0.0)
    known.is_blind = True
    assert [len(known.tracks(at / 2)) for at in range(1, 7)] == [1, 1, 1, 1, 0, 0]
