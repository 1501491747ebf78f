"""gst_whep.py ENDPOINT TOKEN PICTURES: watches by WHEP as GStreamer's webrtcbin does, until so many pictures were decoded; prints one line of JSON.

Exits with 1 when they do not come within a minute. Payload types are this program's own, 127 and 35 for the picture, 101 for the sound.
"""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO = ("application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=127,packetization-mode=(string)1,profile-level-id=(string)42e01f,"
         "rtcp-fb-nack=true,rtcp-fb-nack-pli=true")
AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=101"
LIMIT_S = 60


class Player:
    def __init__(self, endpoint, token, pictures):
        self.endpoint, self.token, self.wanted = endpoint, token, pictures
        self.said = {"pictures": 0, "sounds": 0, "posted": None, "deleted": None, "size": None, "error": None}
        self.resource = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new("player")
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("pad-added", self.on_pad)
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathering)
        for caps in (VIDEO, AUDIO):
            self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda bus, message: self.stop(str(message.parse_error())))

    def ask(self, method, url, body=None, kind=None):
        headers = {"Authorization": "Bearer " + self.token, **({"Content-Type": kind} if kind else {})}
        return urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method=method), timeout=30)

    def offer(self):
        def made(promise):
            reply = promise.get_reply()  # what is in it lives as long as it does
            offer = reply.get_value("offer")
            _, sdp = GstSdp.SDPMessage.new_from_text(offer.sdp.as_text())
            self.webrtc.emit("set-local-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp), Gst.Promise.new())
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(made))
        return False

    def on_gathering(self, webrtc, _):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self):
        offer = self.webrtc.get_property("local-description").sdp.as_text()
        try:
            answer = self.ask("POST", self.endpoint, offer.encode(), "application/sdp")
        except urllib.error.HTTPError as error:
            self.stop(f"{error.code} {error.read().decode()}")
            return False
        self.said["posted"] = answer.status
        self.resource = urllib.parse.urljoin(self.endpoint, answer.headers["Location"])
        _, sdp = GstSdp.SDPMessage.new_from_text(answer.read().decode())
        self.webrtc.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())
        return False

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decode = Gst.ElementFactory.make("decodebin")
        decode.connect("pad-added", self.on_decoded)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def on_decoded(self, _, pad):
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))
        pad.add_probe(Gst.PadProbeType.BUFFER, self.on_buffer)

    def on_buffer(self, pad, _):
        structure = pad.get_current_caps().get_structure(0)
        if structure.get_name() == "video/x-raw":
            self.said["pictures"] += 1
            self.said["size"] = [structure.get_value("width"), structure.get_value("height")]
        else:
            self.said["sounds"] += 1
        if self.said["pictures"] >= self.wanted and self.said["sounds"] > 0:
            GLib.idle_add(self.stop, None)
        return Gst.PadProbeReturn.OK

    def stop(self, error):
        self.said["error"] = self.said["error"] or error
        self.loop.quit()
        return False

    def run(self):
        GLib.timeout_add_seconds(LIMIT_S, self.stop, f"not within {LIMIT_S} s")
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.idle_add(self.offer)
        self.loop.run()
        if self.resource:
            self.said["deleted"] = self.ask("DELETE", self.resource).status
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.said))
        return 1 if self.said["error"] else 0


Gst.init(None)
sys.exit(Player(sys.argv[1], sys.argv[2], int(sys.argv[3])).run())
