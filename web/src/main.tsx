import { render } from "preact";
import { watchAddress } from "./address";
import { App } from "./app";
import { connect } from "./connection";
import "./style.css";

watchAddress();
connect();
const place = document.getElementById("app");
if (place) render(<App />, place);
