import { render } from "preact";
import { watchAddress } from "./address";
import { App } from "./app";
import { connect } from "./connection";
import { watchFocus } from "./focus";
import { language } from "./language";
import { load } from "./packs";
import { watchPresenter } from "./presenting";
import "./style.css";

const words = load(language.value);
watchAddress();
watchPresenter();
watchFocus();
connect();
const place = document.getElementById("app");
if (place) void words.then(() => render(<App />, place));
