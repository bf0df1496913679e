import { render } from "preact";
import { address, watchAddress } from "./address";
import { App } from "./app";
import { connect } from "./connection";
import { watchFocus } from "./focus";
import { language } from "./language";
import { load } from "./packs";
import { watchPresenter } from "./presenting";
import { roomOf } from "./rooms";
import "./style.css";

const words = load(language.value);
watchAddress();
watchPresenter();
watchFocus();
connect();
void roomOf(address.value.room)?.load().catch(() => undefined); // beside the words; shown, and asked again, by the page
const place = document.getElementById("app");
if (place) void words.then(() => render(<App />, place));
