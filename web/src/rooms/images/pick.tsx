// Which image: one that is there, a file of one's own, a picture of the webcam, or a drawing.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/images.json";
import { role, upload } from "../../connection";
import { say, type Text } from "../../language";
import { useWork } from "../../ui/asking";
import { Button, Choice, FileField, Problem, type Option } from "../../ui/controls";
import { choose, pick } from "./chosen";
import { Pad } from "../../ui/pad";
import { DRAWN, packed, unpacked } from "./query";
import { DIGIT_SETS, type Choices } from "./answers";

const NAMED: Record<string, Text> = { course: texts.course, flower: texts.flower, china: texts.china, digits: texts.setDigits, mnist: texts.setMnist, cifar10: texts.setCifar };
const named = (name: string): string => (NAMED[name] ? say(NAMED[name]) : name);

export function Pick({ choices, usual = "course" }: { choices: Choices; usual?: string }) {
  const image = pick("image", usual);
  const { problem, work } = useWork();
  const take = (file: File | undefined) => file && void work(async () => choose({ image: `upload:${await upload(file)}` }));
  return (
    <div class="pick">
      <Choice label={say(texts.image)} value={image} options={options(choices, image)} onChoose={(one) => choose({ image: one, x: "", y: "", row: "", col: "" })} />
      {role.value === "owner" && (
        <div class="row">
          <FileField label={say(texts.upload)} accept="image/*" onFiles={([file]) => take(file)} />
          <Webcam onTaken={take} />
        </div>
      )}
      <Problem text={problem} />
      {image === DRAWN && <Pad strokes={unpacked(pick("d", ""))} label={say(texts.pad)} onDraw={(strokes) => choose({ d: packed(strokes) })} />}
    </div>
  );
}

function options({ samples, sets }: Choices, image: string): Option[] {
  const own: Option[] = image.startsWith("upload:") ? [[image, say(texts.ownImage)]] : [];
  const ofSets = sets.flatMap(({ name, classes }) => classes.map((one, at): Option => [`${name}:${at}`, `${named(name)}: ${DIGIT_SETS.has(name) ? at : one}`]));
  return [...own, [DRAWN, say(texts.drawing)], ...samples.map((name): Option => [name, named(name)]), ...ofSets];
}

const switchOff = (stream: MediaStream | null) => stream?.getTracks().forEach((track) => track.stop());

/** Throws where the browser offers none, as over plain HTTP from another machine, or the person refuses. */
function webcam(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error("no webcam is offered here");
  return navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "environment" }, audio: false });
}

/** Asked for by a button; what it sees goes nowhere but to this lab, and only when the picture is taken. */
function Webcam({ onTaken }: { onTaken: (file: File) => void }) {
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [problem, fail] = useState("");
  const video = useRef<HTMLVideoElement>(null);
  const here = useRef(true);
  const open = useRef<MediaStream | null>(null);
  const stop = () => {
    switchOff(open.current);
    open.current = null;
    setStream(null);
  };
  useLayoutEffect(
    () => () => {
      here.current = false;
      switchOff(open.current);
    },
    [],
  );
  useEffect(() => {
    if (video.current && stream) video.current.srcObject = stream;
  }, [stream]);
  const start = async () => {
    fail("");
    try {
      const opened = await webcam();
      if (!here.current) switchOff(opened); // the room was left while the browser asked
      else setStream((open.current = opened));
    } catch {
      if (here.current) fail(say(texts.noWebcam));
    }
  };
  const shoot = () => {
    const seen = video.current;
    if (!seen?.videoWidth) return;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [seen.videoWidth, seen.videoHeight];
    canvas.getContext("2d")?.drawImage(seen, 0, 0);
    canvas.toBlob((blob) => blob && onTaken(new File([blob], "webcam.jpg", { type: blob.type })), "image/jpeg", 0.95);
    stop();
  };
  if (!stream)
    return (
      <>
        <Button onClick={() => void start()}>{say(texts.webcam)}</Button>
        <Problem text={problem} />
      </>
    );
  return (
    <div class="webcam">
      <video ref={video} autoPlay playsInline muted aria-label={say(texts.webcam)} />
      <p class="hint">{say(texts.webcamPrivate)}</p>
      <div class="row">
        <Button kind="main" onClick={shoot}>
          {say(texts.shoot)}
        </Button>
        <Button onClick={stop}>{say(texts.stop)}</Button>
      </div>
    </div>
  );
}
