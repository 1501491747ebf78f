#!/usr/bin/env python3
"""bench_http.py - the HTTP core beside nginx: a small JSON answer against `return 200` with the same body, and an HLS segment (one byte range of a reel, plain
HTTP) against nginx sendfile of the same file and range. wrk loads both in alternating rounds; what counts is requests per CPU-second of the server."""
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

BUILD = pathlib.Path(os.environ["VCR_RELEASE"])
ROUNDS, SECONDS, CONNECTIONS, SEGMENT_BYTES = 5, 2, 32, 1 << 20
NGINX = """daemon off; pid nginx.pid; worker_processes 2; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/json; types { video/mp4 mp4; }
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  open_file_cache max=100; open_file_cache_valid 60s;
  server { listen 127.0.0.1:%d; root .; location = /json { return 200 '%s'; } }
}
"""


def cpu_s(pid):
    """Of a process and its children, which is where nginx works."""
    pids = [str(pid)]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        pids += pathlib.Path(path).read_text().split()
    total = 0
    for one in pids:
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def rate(pid, url, headers):
    """Requests per CPU-second of the server, under wrk."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *(x for h in headers for x in ("-H", h)), url]
    before = cpu_s(pid)
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_s(pid) - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url}:\n{out}")
    return int(re.search(r"(\d+) requests in", out)[1]) / max(used, 0.01)


def call(url, body=None, token=None, raw=None, headers=None):
    request = urllib.request.Request(url, raw if raw is not None else json.dumps(body).encode() if body is not None else None, headers or {})
    request.add_header("Content-Type", "application/octet-stream" if raw is not None else "application/json")
    if raw is not None:
        request.method = "PUT"
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def start_vcrd(folder):
    env = dict(os.environ, VCR_LISTEN="127.0.0.1:0", VCR_MEDIA_LISTEN="127.0.0.1:0", VCR_SRT_LISTEN="127.0.0.1:0", VCR_DATA_DIR=str(folder / "data"), VCR_LOG="json", VCR_RATE_LIMITS="off")
    log = folder / "vcrd.log"
    with log.open("w") as out:
        process = subprocess.Popen([BUILD / "vcrd"], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    for _ in range(200):
        ready = re.search(r"^ready (http:\S+)", log.read_text(), re.M)
        if ready:
            return process, ready[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.terminate()
    sys.exit("vcrd is not ready:\n" + log.read_text())


def end(process):
    process.terminate()
    process.wait(20)


def start_nginx(folder, body):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX % (port, body))
    folder.chmod(0o755)
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(folder), "-c", "nginx.conf"], stdin=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)
    process.terminate()
    sys.exit("nginx is not ready")


def film(folder):
    """So large that a segment of the wanted size lies in its clean reel."""
    subprocess.run("ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=s=720x480:r=30:d=4,noise=alls=20:allf=t -c:v libx264 -preset ultrafast -b:v 6M -maxrate 6M "
                   "-bufsize 1M -g 30 -bf 0 -pix_fmt yuv420p".split() + [folder / "film.mp4"], check=True)
    return (folder / "film.mp4").read_bytes()


def add_tape(url, folder):
    """The address of its clean video reel below a token, as players get it, and that file's bytes."""
    account = json.loads(call(url + "/api/v1/auth/register", {"email": "a@example.org", "password": "correct horse battery"}))
    token = account["access_token"]
    tape = json.loads(call(url + "/api/v1/tapes", {"title": "Bench"}, token))
    call(f"{url}/api/v1/tapes/{tape['id']}/media", token=token, raw=film(folder), headers={"X-Filename": "film.mp4"})
    for _ in range(600):
        now = json.loads(call(f"{url}/api/v1/tapes/{tape['id']}", token=token))
        if now["status"] in ("ready", "failed"):
            break
        time.sleep(0.1)
    if now["status"] != "ready":
        sys.exit(f"the tape is {now['status']}")
    master_url = url + json.loads(call(f"{url}/api/v1/hls/{tape['id']}/token", {}, token))["url"] + "&look=clean"
    video = next(line for line in call(master_url).decode().splitlines() if line and not line.startswith("#"))
    video_url = urllib.parse.urljoin(master_url, video)
    playlist = call(video_url).decode()
    reel = re.search(r'EXT-X-MAP:URI="([^"]+)"', playlist)[1]
    return urllib.parse.urljoin(video_url, reel)


def compare(name, limit, ours, theirs, headers, version, note):
    mine, others = [], []
    for _ in range(ROUNDS):
        others.append(rate(theirs[0].pid, theirs[1], headers))
        mine.append(rate(ours[0].pid, ours[1], headers))
    print(json.dumps({"row": name, "unit": "/CPU-s", "value": statistics.median(mine), "note": note, "baseline": f"nginx {version}",
                      "baseline_value": statistics.median(others), **({"op": "ratio >=", "limit": limit} if limit else {})}), flush=True)


class Bench:
    """A vcrd with a film on a tape, and a folder with that film's reel (reel.mp4), which an nginx serves from when it was started. All of it goes with the with statement."""

    def __enter__(self):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.version = re.search(r"nginx/(\S+)", subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr)[1]
        self.ends = contextlib.ExitStack()
        self.folder = pathlib.Path(self.ends.enter_context(tempfile.TemporaryDirectory(prefix="vcr-bench-")))
        with contextlib.ExitStack() as undo:
            undo.push(self.ends)
            self.vcrd, self.url = start_vcrd(self.folder)
            self.ends.callback(end, self.vcrd)
            self.reel_url = add_tape(self.url, self.folder)
            reel = call(self.reel_url)
            (self.folder / "reel.mp4").write_bytes(reel)
            self.segment_bytes = min(SEGMENT_BYTES, len(reel) // 2)
            self.segment_range = [f"Range: bytes={len(reel) // 4}-{len(reel) // 4 + self.segment_bytes - 1}"]
            undo.pop_all()
        return self

    def __exit__(self, *error):
        return self.ends.__exit__(*error)

    def start_nginx(self, body):
        self.nginx, self.nginx_url = start_nginx(self.folder, body)
        self.ends.callback(end, self.nginx)

    def compare(self, name, limit, url, file, baseline, note, headers=()):
        """A row: an address of vcrd against a file of nginx, which it calls baseline."""
        compare(name, limit, (self.vcrd, url), (self.nginx, self.nginx_url + file), headers, f"{self.version} {baseline}", note)


def main():
    with Bench() as b:
        body = call(b.url + "/healthz").decode()
        b.start_nginx(body)
        read = "/api/v1/server"
        b.compare("small JSON (/healthz), requests", 0.6, b.url + "/healthz", "/json", "return 200", f"{len(body)} bytes")
        b.compare("JSON with a read of the database, requests", None, b.url + read, "/json", "return 200", read)
        b.compare("HLS segment, requests", 0.95, b.reel_url, "/reel.mp4", "sendfile", f"{b.segment_bytes >> 10} KiB", b.segment_range)


if __name__ == "__main__":
    main()
