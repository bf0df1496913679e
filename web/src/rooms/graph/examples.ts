// Formulas of the courses, each with what is to be seen in it.
import texts from "@texts/graph.json";
import type { Text } from "../../language";
import type { Value } from "./types";

export interface Example {
  readonly id: string;
  readonly name: Text;
  readonly seen: Text;
  readonly formula: string;
  readonly values: Readonly<Record<string, Value>>;
  /** What is differentiated by at first; the first variable where it is left out. */
  readonly by?: string;
  /** Power of ten of the step, where the ways to differentiate are looked at. */
  readonly step?: number;
}

export const EXAMPLES: readonly Example[] = [
  { id: "product", name: texts.ex_product, seen: texts.ex_product_seen, formula: "(a+b)*3*b", values: { a: 5, b: 3 }, by: "b" },
  { id: "theano", name: texts.ex_theano, seen: texts.ex_theano_seen, formula: "a*b + c", values: { a: 2, b: 4, c: 10 } },
  { id: "neuron", name: texts.ex_neuron, seen: texts.ex_neuron_seen, formula: "σ(w*x + b)", values: { w: 2, x: -1, b: 0.5 } },
  { id: "cost", name: texts.ex_cost, seen: texts.ex_cost_seen, formula: "z = w*x + b; p = σ(z); (p - y)^2", values: { w: 1.5, x: 2, b: -1, y: 0 } },
  { id: "logistic", name: texts.ex_logistic, seen: texts.ex_logistic_seen, formula: "p = 1/(1 + exp(-w^T x)); -(log(p)*y + log(1-p)*(1-y))", values: { w: [1, -2], x: [0.5, 1], y: 1 } },
  { id: "softmax", name: texts.ex_softmax, seen: texts.ex_softmax_seen, formula: "y = [0, 1, 0]; p = softmax(z); -sum(y*log(p))", values: { z: [2, 1, 0.1] } },
  { id: "relu", name: texts.ex_relu, seen: texts.ex_relu_seen, formula: "max(0, w*x + b)", values: { w: 1, x: -2, b: 0.5 } },
  { id: "deep", name: texts.ex_deep, seen: texts.ex_deep_seen, formula: "h1 = σ(w*x); h2 = σ(w*h1); h3 = σ(w*h2); σ(w*h3)", values: { w: 1, x: 1 } },
  { id: "layer", name: texts.ex_layer, seen: texts.ex_layer_seen, formula: "h = tanh(W x + b); v^T h", values: { W: [[1, -1], [0.5, 2]], x: [1, 0.5], b: [0, -0.5], v: [1, -1] }, by: "W" },
  { id: "cosine", name: texts.ex_cosine, seen: texts.ex_cosine_seen, formula: "x^T a/(norm(x)*norm(a))", values: { x: [0.5, 0.3, 0.7], a: [0.6, 0.2, 0.6] } },
  { id: "kernel", name: texts.ex_kernel, seen: texts.ex_kernel_seen, formula: "R = conv2d(I, K); sum(R*R)", values: { I: [[1, 2, 0], [0, 1, 3], [2, 1, 1]], K: [[1, 0], [0, -1]] } },
  { id: "swell", name: texts.ex_swell, seen: texts.ex_swell_seen, formula: "a = 4x(1-x); b = 4a(1-a); 4b(1-b)", values: { x: 0.2 }, step: -3 },
  { id: "wave", name: texts.ex_wave, seen: texts.ex_wave_seen, formula: "exp(x)*sin(x)", values: { x: 1 }, step: -3 },
];
