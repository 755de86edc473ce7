"""Video files: what was written is read, at its times, upright; what is damaged is read as far as it goes."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mer.utils.limits import LimitError
from mer.video.reading.frame_source import VideoError, VideoFrame
from mer.video.reading.open_source import open_source
from tests.helpers.videos import can_encode, declare_frames, pictures, turn_flag, write_sound, write_video

#: Encoder, container, stored pixels, and the error in grey levels that its compression may leave on average.
KINDS = [
    ("libx264", "mp4", "yuv420p", 6),
    ("libx264", "mov", "yuvj420p", 6),
    ("libx265", "mp4", "yuv420p", 6),
    ("libx265", "mp4", "yuv420p10le", 6),
    ("libsvtav1", "mp4", "yuv420p", 8),
    ("libvpx-vp9", "webm", "yuv420p", 6),
    ("mpeg4", "mp4", "yuv420p", 8),
    ("wmv2", "wmv", "yuv420p", 8),
    ("mjpeg", "avi", "yuvj420p", 8),
    ("mpeg2video", "mpg", "yuv420p", 8),
    ("ffv1", "mkv", "yuv444p", 2),
    ("ffv1", "avi", "bgr0", 0),
    ("ffv1", "mkv", "yuv444p10le", 2),
    ("gif", "gif", "rgb8", 30),
]


def read(path: Path, rate: float | None = None) -> tuple[list[VideoFrame], list[str]]:
    source = open_source(path, rate)
    return list(source), source.notes


@pytest.mark.parametrize(("codec", "ending", "pixels", "error"), KINDS)
def test_frames_come_back_in_order(codec: str, ending: str, pixels: str, error: float, tmp_path: Path) -> None:
    if not can_encode(codec):
        pytest.skip(f"this build of FFmpeg cannot write {codec}")
    written = pictures(6, 96, 80)
    frames, notes = read(write_video(tmp_path / f"a.{ending}", written, codec=codec, pixels=pixels))
    assert [frame.index for frame in frames] == list(range(6))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(6) / 25, atol=2e-3)
    assert not notes
    for frame, expected in zip(frames, written, strict=True):
        assert (frame.pixels.shape, frame.pixels.dtype) == (expected.shape, np.uint8)
        assert np.abs(frame.pixels.astype(int) - expected).mean() <= error


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "gray16le"])
def test_grey_stays_grey(pixels: str, tmp_path: Path) -> None:
    written = pictures(3).mean(axis=3).astype(np.uint8)
    frames, _ = read(write_video(tmp_path / "a.mkv", written, codec="ffv1", pixels=pixels))
    for frame, expected in zip(frames, written, strict=True):
        assert (frame.pixels == frame.pixels[..., :1]).all()
        assert np.abs(frame.pixels[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("width", "height"), [(65, 49), (33, 64), (17, 17)])
def test_odd_sides_are_kept(width: int, height: int, tmp_path: Path) -> None:
    written = pictures(2, width, height)
    frames, _ = read(write_video(tmp_path / "a.avi", written, codec="ffv1", pixels="bgr0"))
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), written)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_the_display_matrix_turns_clockwise(quarters: int, tmp_path: Path) -> None:
    written = pictures(2)
    frames, _ = read(turn_flag(write_video(tmp_path / "a.mp4", written), quarters))
    expected = np.rot90(written[0], -quarters)
    assert frames[0].pixels.shape == expected.shape
    assert np.abs(frames[0].pixels.astype(int) - expected).mean() < 6


@pytest.mark.parametrize(
    ("aspect", "width"), [("3/2", 96), ("2/3", 43), ("12/11", 64), ("5776/5769", 64), ("90/1", 64), ("1/90", 64)]
)
def test_pixels_far_from_square_are_made_square(aspect: str, width: int, tmp_path: Path) -> None:
    written = pictures(2, 64, 48)
    frames, _ = read(write_video(tmp_path / "a.mp4", written, aspect=Fraction(aspect)))
    expected = cv2.resize(written[0], (width, 48))
    assert frames[0].pixels.shape == expected.shape
    assert np.abs(frames[0].pixels.astype(int) - expected).mean() < 8


def test_times_of_a_variable_rate_are_those_of_the_file(tmp_path: Path) -> None:
    times = [700, 740, 790, 1000, 1001, 1500]
    path = write_video(tmp_path / "a.mkv", pictures(6), times=times)
    frames, notes = read(path)
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.04, 0.09, 0.3, 0.301, 0.8], atol=1e-9)
    assert not notes
    np.testing.assert_allclose([frame.time for frame in read(path, 200)[0]], np.arange(6) / 200)


def test_a_declared_rate_is_taken_as_it_is_declared(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "a.mp4", pictures(4), rate=200))
    assert source.rate == 200
    np.testing.assert_allclose([frame.time for frame in source], np.arange(4) / 200, atol=1e-4)


def test_without_time_stamps_times_follow_the_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", pictures(5), rate=50, container="h264", options={"bf": "0"})
    frames, notes = read(path)
    times = np.array([frame.time for frame in frames])
    assert times[0] == 0
    assert (np.diff(times) > 0).all()
    assert len(set(np.diff(times).round(6))) == 1
    assert len(notes) <= 1


def test_time_stamps_that_fall_back_still_rise_and_are_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", pictures(5), options={"bf": "0"})
    path.write_bytes(2 * path.read_bytes())  # two recordings one after the other, whose stamps begin anew
    frames, notes = read(path)
    assert len(frames) == 10
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(10) / 25, atol=1e-3)
    assert [note.partition(" ")[0] for note in notes if "do not rise" in note] == ["5"]


def test_a_size_that_changes_is_read_as_it_is(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{w}.ts", pictures(3, w, 48), options={"bf": "0"}) for w in (64, 96)]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    shapes = [frame.pixels.shape for frame in read(path)[0]]
    assert shapes == 3 * [(48, 64, 3)] + 3 * [(48, 96, 3)]


def written_to_a_pipe(container: str, codec: str, frames: np.ndarray) -> bytes:
    """Return a file whose writer could not come back to its beginning to note the duration."""

    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with av.open(pipe, "w", format=container) as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    return pipe.data


def test_a_file_without_duration_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(written_to_a_pipe("webm", "libvpx-vp9", pictures(7)))
    frames, notes = read(path)
    assert len(frames) == 7
    assert not notes


@pytest.mark.parametrize("declared", [9, 3, 4_000_000_000])
def test_a_wrong_number_of_declared_frames_is_told(declared: int, tmp_path: Path) -> None:
    frames, notes = read(
        declare_frames(write_video(tmp_path / "a.avi", pictures(5), codec="mjpeg", pixels="yuvj420p"), declared)
    )
    assert len(frames) == 5
    assert notes == [f"{declared} frames are declared, 5 are there"]


def test_a_file_cut_off_gives_what_can_be_read_and_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", pictures(20), codec="ffv1", pixels="yuv444p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames, notes = read(path)
    assert 5 < len(frames) < 15
    assert any("it declares" in note for note in notes)


def test_a_file_cut_off_that_never_knew_its_length_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(written_to_a_pipe("matroska", "libx264", pictures(30)))
    assert read(path)[1] == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    frames, notes = read(path)
    assert 5 < len(frames) < 30
    assert notes == ["breaks off: its end is missing"]


def test_a_file_cut_before_its_index_is_one_sentence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(VideoError, match=r"a\.mp4: expected a video .* cut off"):
        open_source(path)


def test_damage_in_the_middle_is_left_out_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", pictures(30), codec="ffv1", pixels="yuv444p", options={"slicecrc": "1"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    frames, notes = read(path)
    assert 10 < len(frames) <= 30
    assert len(frames) == 30 or notes


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    frames, notes = read(write_video(tmp_path / "a.mp4", pictures(1)))
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0.0)]
    assert not notes


def test_a_source_can_be_read_twice(tmp_path: Path) -> None:
    source = open_source(
        declare_frames(write_video(tmp_path / "a.avi", pictures(4), codec="mjpeg", pixels="yuvj420p"), 6)
    )
    once, again = list(source), list(source)
    np.testing.assert_array_equal([f.pixels for f in once], [f.pixels for f in again])
    assert len(source.notes) == 1


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        frames = (pictures(1, 320, 240, seed=k % 7)[0] for k in range(count))
        path = write_video(tmp_path / f"{count}.avi", frames, codec="mjpeg", pixels="yuvj420p")
        tracemalloc.start()
        assert sum(1 for _ in open_source(path)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(60) < peak(15) + 320 * 240 * 3


def sound(path: Path) -> None:
    write_sound(path)


def cover(path: Path) -> None:
    write_sound(path, cover=pictures(1)[0])


def unknown_codec(path: Path) -> None:
    path.write_bytes(write_video(path, pictures(3)).read_bytes().replace(b"avc1", b"zzzz"))


def cut_pictures(path: Path) -> None:
    """Keep a header and its index, of pictures that are not there any more."""
    data = bytearray(write_video(path, pictures(3)).read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.write_bytes(b""), "expected a video, got an empty file"),
        (lambda path: path.write_text("hello"), "expected a video .* got a file of another kind"),
        (lambda path: path.write_bytes(np.random.default_rng(0).bytes(20_000)), "expected a video"),
        (sound, "no moving pictures, only sound"),
        (cover, "no moving pictures, only sound"),
        (unknown_codec, "not known; convert it"),
        (cut_pictures, "no frame can be read"),
    ],
)
def test_what_has_no_frames_is_one_sentence_that_names_the_file(make, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(VideoError, match=rf"a\.mp4: .*{words}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


#: Texts that FFmpeg would follow to other files or addresses.
SCRIPTS = {
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet mimeType='
    '"video/mp4"><Representation id="1"><BaseURL>secret.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "subtitle": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
    "image": "P6 2 2 255\n............",
}


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "txt", "ffconcat"])
def test_a_text_that_names_other_files_is_not_followed(kind: str, ending: str, tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4", pictures(2))
    path = tmp_path / f"a.{ending}"
    path.write_text(SCRIPTS[kind])
    with pytest.raises(VideoError, match="expected a video"):
        read(path)


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|a.mp4", "pipe:0", "data:video/mp4;base64,"])
def test_an_address_is_a_file_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", pictures(2))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="there is no such file"):
        open_source(name)


def test_a_name_that_looks_like_an_address_is_read_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mp4", "-i.mp4", "%03d.mp4", "日本 ä.mp4"):
        write_video(tmp_path / "plain.mp4", pictures(2)).rename(name)
        assert len(list(open_source(name))) == 2


def test_frames_above_the_limit_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(2, 64, 48))
    monkeypatch.setenv("MER_LIMIT_IMAGE_PIXELS", "3000")
    with pytest.raises(LimitError, match=r"a\.mp4: pixels of a frame: expected at most 3,000, got 3,072"):
        open_source(path)
    monkeypatch.setenv("MER_LIMIT_IMAGE_PIXELS", "3072")
    assert len(list(open_source(path))) == 2


def test_frames_larger_than_the_header_says_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(write_video(tmp_path / "a.mp4", pictures(2, 64, 48)))
    monkeypatch.setenv("MER_LIMIT_IMAGE_PIXELS", "3000")  # as if the header had said less
    with pytest.raises(VideoError, match="no frame can be read"):
        list(source)


@pytest.mark.slow
def test_damaged_hevc_ends(tmp_path: Path) -> None:
    """Threads by frames wait for ever in about one of a hundred such files."""
    if not can_encode("libx265"):
        pytest.skip("this build of FFmpeg cannot write HEVC")
    whole = write_video(tmp_path / "whole.mov", pictures(6), codec="libx265").read_bytes()
    rng = np.random.default_rng(0)
    for number in range(150):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 20)):
            data[rng.integers(len(data))] = rng.integers(256)
        path = tmp_path / f"{number}.mov"
        path.write_bytes(data)
        with suppress(VideoError, LimitError):
            assert len(read(path)[0]) <= 12
