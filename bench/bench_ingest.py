#!/usr/bin/env python3
"""bench_ingest.py - the house rendition: vcr-ingest --run on a 20 s MPEG-2 480i clip against one ffmpeg command that makes the same four streams with the same
settings (clean and tape picture at field rate, AAC, Opus). CPU seconds, alternating rounds, medians. vcr-ingest also checks, hashes and indexes, behind seccomp.
ffmpeg gives each x264 two threads, as it would by itself on two cores at least; a second row lets it have one, as ours have."""
import fcntl
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

INGEST = pathlib.Path(os.environ["VCR_RELEASE"]) / "vcr-ingest"
SECONDS, ROUNDS, OUTPUTS = 20, 2, 17
CLIP = ("-f lavfi -i testsrc2=s=720x480:r=60000/1001:d={s},noise=alls=6:allf=t,setsar=8/9,interlace=scan=tff:lowpass=off -f lavfi -i sine=d={s} -t {s} "
        "-c:v mpeg2video -flags +ilme+ildct -top 1 -b:v 6M -maxrate 8M -bufsize 2M -g 15 -pix_fmt yuv420p -c:a mp2 -b:a 192k")
# media/ingest/picture.c and sound.c, as command line.
SAME = ("-filter_complex bwdif=mode=send_field:parity=tff:deint=all,split=2[a][b];[b]scale=720:480:flags=bicubic[t] "
        "-map [a] -c:v libx264 -preset veryfast -crf 20 -profile:v main -level 3.1 -maxrate 6500k -bufsize 1500k -g 60 -bf 0 -sc_threshold 0 -threads {x} clean.mp4 "
        "-map [t] -c:v libx264 -preset superfast -crf 20 -profile:v baseline -level 3.1 -maxrate 6500k -bufsize 1500k -g 15 -bf 0 -sc_threshold 0 -threads {x} tape.mp4 "
        "-map 0:a -ac 2 -ar 48000 -c:a aac -b:a 160k audio.mp4 -map 0:a -ac 2 -ar 48000 -c:a libopus -b:a 128k opus.mp4")


def cpu_of(run):
    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime
    before = used()
    run()
    return used() - before


def ffmpeg(arguments, *outputs):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments.split(), *outputs], check=True)


def ingest():
    """3 is the original, 4 the report, the outputs follow: media/ingest/ingest.h"""
    names = ["clip.mpg", "report", *(f"out{i}" for i in range(OUTPUTS))]
    fds = [os.open(name, os.O_RDWR | (os.O_CREAT | os.O_TRUNC if i else 0)) for i, name in enumerate(names)]
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 40) for fd in fds]
    for fd in fds:
        os.close(fd)

    def place():
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
    subprocess.run([INGEST, "--run"], preexec_fn=place, close_fds=False, check=True)
    for fd in high:
        os.close(fd)
    last = pathlib.Path("report").read_text().splitlines()[-1]
    kinds = [reel["kind"] for reel in json.loads(last)["result"]["reels"]]
    if kinds != ["clean_video", "tape_video", "clean_audio", "opus"]:
        sys.exit(f"vcr-ingest made {kinds}")


def main():
    version = re.search(r"version (\S+)", subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout)[1].split("-")[0]
    with tempfile.TemporaryDirectory(prefix="vcr-bench-") as folder:
        os.chdir(folder)
        ffmpeg(CLIP.format(s=SECONDS), "clip.mpg")
        ours, theirs = [], {2: [], 1: []}
        for _ in range(ROUNDS):
            for threads, seconds in theirs.items():
                seconds.append(cpu_of(lambda: ffmpeg("-i clip.mpg " + SAME.format(x=threads))))
            ours.append(cpu_of(ingest))
        os.chdir("/")
    print("baseline: ffmpeg -i clip.mpg " + SAME.format(x=2))
    for threads, seconds in theirs.items():
        row = {"row": "house rendition of MPEG-2 480i, CPU a second of film", "unit": "s", "value": statistics.median(ours) / SECONDS, "note": "",
               "baseline": f"ffmpeg {version}", "baseline_value": statistics.median(seconds) / SECONDS, "op": "ratio <", "limit": 1}
        if threads == 1:
            row["row"] = "the same, ffmpeg with one thread an encoder"
            del row["op"], row["limit"]
        print(json.dumps(row))


if __name__ == "__main__":
    main()
