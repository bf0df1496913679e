import { render } from "preact";
import { watchAddress } from "./address";
import { App } from "./app";
import { connect } from "./connection";
import { watchPresenter } from "./presenting";
import "./style.css";

watchAddress();
watchPresenter();
connect();
const place = document.getElementById("app");
if (place) render(<App />, place);
