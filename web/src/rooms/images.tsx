// Images as numbers.
import texts from "@texts/lab.json";
import { say } from "../language";

export default function Images() {
  return <h1>{say(texts.images)}</h1>;
}
