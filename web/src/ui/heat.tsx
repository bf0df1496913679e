// Values of a map in blue and orange.
import { useMemo } from "preact/hooks";
import type { Numbers } from "../frames";
import { DIVERGING } from "./colours";
import { Canvas, shaded } from "./raster";

/** values: (height, width); bytes are places in the colours, floats lie between −most and most. */
export function Heat({ values, most = 1, label, smooth = false }: { values: Numbers; most?: number; label: string; smooth?: boolean }) {
  const raster = useMemo(() => shaded(values, DIVERGING, most), [values, most]);
  return <Canvas raster={raster} label={label} kind={smooth ? "heat smooth" : "heat"} />;
}
