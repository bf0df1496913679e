// A surface in three dimensions, by three.js. This file is its only importer, and is loaded when it is first asked for.
import { BufferAttribute, BufferGeometry, Color, DirectionalLight, DoubleSide, HemisphereLight, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, MeshLambertMaterial, PerspectiveCamera, Raycaster, Scene as World, SphereGeometry, Vector2, Vector3, WebGLRenderer, type Object3D } from "three";
import { Line2 } from "three/examples/jsm/lines/Line2.js";
import { LineGeometry } from "three/examples/jsm/lines/LineGeometry.js";
import { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
import { bounded, type Eye } from "./chosen";
import type { Scene, Way } from "./relief";
import { colourOf, contour, indexOf, interpolated, LEVELS, scaled, type Scaled, type Terrain } from "./terrain";

const TALL = 0.85; // of a side's half
const LIFT = 0.012; // of lines above the surface
const WIDE = 1.35; // width to height from which on the height decides how much is seen
const MIDDLE = new Vector3(0, 0.22, 0);

export interface Show3d {
  readonly draw: (scene: Scene, begin: readonly [number, number] | null) => void;
  /** Look from there. */
  readonly face: (eye: Eye) => void;
  readonly turn: (around: number, over: number) => void;
  readonly zoom: (factor: number) => void;
  readonly end: () => void;
}

/** onEye: called as a person looks from elsewhere. */
export function show3d(place: HTMLElement, first: Eye, onPick: (x: number, y: number) => void, onEye: (eye: Eye) => void): Show3d {
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  renderer.setPixelRatio(Math.min(2, devicePixelRatio || 1));
  place.append(renderer.domElement);
  const world = new World();
  const camera = new PerspectiveCamera(34, 1, 0.1, 30);
  const sun = new DirectionalLight(0xffffff, 1.7);
  sun.position.set(1.5, 3, 1);
  world.add(new HemisphereLight(0xffffff, 0xb9b3a6, 1.7), sun);
  let eye = first;
  let ground: Mesh<BufferGeometry, MeshLambertMaterial> | null = null;
  let drawn: Scene | null = null;
  let things: Object3D[] = [];

  const render = () => {
    const far = eye.far * Math.max(1, WIDE / camera.aspect); // all of it also where the place is narrow
    camera.position.setFromSphericalCoords(far, eye.over, eye.around).add(MIDDLE);
    camera.lookAt(MIDDLE);
    renderer.render(world, camera);
  };
  const measure = () => {
    const [width, height] = [place.clientWidth || 300, place.clientHeight || 300];
    renderer.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    for (const thing of things) if (thing instanceof Line2) thing.material.resolution.set(width, height);
    render();
  };
  const resized = new ResizeObserver(measure);
  resized.observe(place);

  const draw: Show3d["draw"] = (scene, begin) => {
    const fresh = drawn === null || drawn.terrain !== scene.terrain || drawn.scale !== scene.scale;
    if (fresh || ground === null) {
      if (ground) release([ground]);
      ground?.removeFromParent();
      ground = terrainMesh(scene);
      world.add(ground);
    }
    release(things);
    const range = scaled(scene.terrain, scene.scale, scene.lowest);
    things = [contourLines(scene.terrain, range), ...scene.ways.flatMap((way) => wayThings(way, scene.terrain, range))];
    if (scene.goal) things.push(ball(scene.goal, scene.terrain, range, "#1c1b19", 0.022));
    if (begin) things.push(ball(begin, scene.terrain, range, "#ffffff", 0.03));
    for (const thing of things) world.add(thing);
    drawn = scene;
    measure();
  };

  const face: Show3d["face"] = (next) => {
    eye = bounded(next);
    render();
  };
  const move = (next: Eye) => (face(next), onEye(eye));
  const turn: Show3d["turn"] = (around, over) => move({ ...eye, around: eye.around + around, over: eye.over + over });
  const zoom: Show3d["zoom"] = (factor) => move({ ...eye, far: eye.far * factor });
  const leave = followPointer(renderer.domElement, turn, zoom, (event) => {
    if (!ground || !drawn) return;
    const box = renderer.domElement.getBoundingClientRect();
    const ray = new Raycaster();
    ray.setFromCamera(new Vector2(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2), camera);
    const hit = ray.intersectObject(ground)[0];
    if (hit) onPick(...under(hit.point, drawn.terrain));
  });
  const end = () => {
    leave();
    resized.disconnect();
    release(ground ? [...things, ground] : things);
    renderer.dispose();
    renderer.forceContextLoss();
    renderer.domElement.remove();
  };
  return { draw, face, turn, zoom, end };
}

/** Dragging turns, the wheel zooms, two fingers too, and what is only pressed is picked. */
function followPointer(canvas: HTMLCanvasElement, turn: Show3d["turn"], zoom: Show3d["zoom"], pick: (event: PointerEvent) => void): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  const apart = () => {
    const [one, other] = [...fingers.values()];
    return one && other ? Math.hypot(one.x - other.x, one.y - other.y) : 0;
  };
  const down = (event: PointerEvent) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = 0;
  };
  const move = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const far = apart();
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved += Math.hypot(dx, dy);
    if (fingers.size > 1) zoom(far / Math.max(1, apart()));
    else turn(-dx / 160, -dy / 160);
  };
  const up = (event: PointerEvent) => {
    if (fingers.delete(event.pointerId) && moved < 4) pick(event);
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 900));
  };
  const cancel = (event: PointerEvent) => void fingers.delete(event.pointerId);
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", cancel);
  canvas.addEventListener("wheel", wheel, { passive: false });
  return () => {
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", up);
    canvas.removeEventListener("pointercancel", cancel);
    canvas.removeEventListener("wheel", wheel);
  };
}

function release(things: readonly Object3D[]): void {
  for (const thing of things) {
    thing.removeFromParent();
    const { geometry, material } = thing as Mesh<BufferGeometry, MeshBasicMaterial>;
    geometry?.dispose();
    material?.dispose();
  }
}

// x to the right, y up, z towards the eye; a lattice from −1 to 1.
const along = (index: number, count: number) => (2 * index) / (count - 1) - 1;

function under(point: Vector3, { across, up }: Terrain): [number, number] {
  const between = (places: ArrayLike<number>, share: number) => (places[0] ?? 0) + ((share + 1) / 2) * ((places[places.length - 1] ?? 1) - (places[0] ?? 0));
  return [between(across, point.x), between(up, -point.z)];
}

function terrainMesh(scene: Scene): Mesh<BufferGeometry, MeshLambertMaterial> {
  const [columns, rows] = [scene.terrain.across.length, scene.terrain.up.length];
  const { shares } = scaled(scene.terrain, scene.scale, scene.lowest);
  const [places, colours, faces] = [new Float32Array(3 * shares.length), new Float32Array(3 * shares.length), [] as number[]];
  const colour = new Color();
  shares.forEach((share, at) => {
    places.set([along(at % columns, columns), (Number.isNaN(share) ? 0 : share) * TALL, -along(Math.floor(at / columns), rows)], 3 * at);
    const [red, green, blue] = colourOf(share);
    colour.setRGB(red / 255, green / 255, blue / 255, "srgb").toArray(colours, 3 * at);
  });
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const at = row * columns + column;
      const corners = [at, at + 1, at + columns + 1, at + columns];
      if (corners.some((corner) => Number.isNaN(shares[corner] ?? NaN))) continue;
      faces.push(at, at + 1, at + columns + 1, at, at + columns + 1, at + columns);
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(places, 3));
  geometry.setAttribute("color", new BufferAttribute(colours, 3));
  geometry.setIndex(faces);
  geometry.computeVertexNormals();
  return new Mesh(geometry, new MeshLambertMaterial({ vertexColors: true, side: DoubleSide }));
}

function contourLines({ across, up }: Terrain, { shares }: Scaled): LineSegments {
  const [columns, rows] = [across.length, up.length];
  const places: number[] = [];
  for (const level of LEVELS) {
    const pieces = contour(shares, columns, rows, level);
    for (let at = 0; at + 1 < pieces.length; at += 2) places.push(along(pieces[at] ?? 0, columns), level * TALL + LIFT / 2, -along(pieces[at + 1] ?? 0, rows));
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
  return new LineSegments(geometry, new LineBasicMaterial({ color: 0x14161a, transparent: true, opacity: 0.45 }));
}

/** On the surface, above a place; null beyond it. */
function onSurface(x: number, y: number, { across, up }: Terrain, { shares }: Scaled): Vector3 | null {
  const [column, row] = [indexOf(across, x), indexOf(up, y)];
  const share = interpolated(shares, across.length, up.length, column, row);
  return Number.isNaN(share) ? null : new Vector3(along(column, across.length), share * TALL + LIFT, -along(row, up.length));
}

const BETWEEN = 8; // pieces of a step, so that its line lies on the surface and does not cut through it

function wayThings({ places, shown, colour }: Way, terrain: Terrain, range: Scaled): Object3D[] {
  const points: Vector3[] = [];
  const count = Math.min(shown, places.length / 2);
  for (let at = 0; at < count; at += 1) {
    const [x, y] = [places[2 * at] ?? NaN, places[2 * at + 1] ?? NaN];
    const [beforeX, beforeY] = at === 0 ? [x, y] : [places[2 * at - 2] ?? NaN, places[2 * at - 1] ?? NaN];
    for (let piece = at === 0 ? BETWEEN : 1; piece <= BETWEEN; piece += 1) {
      const share = piece / BETWEEN;
      const point = onSurface(beforeX + share * (x - beforeX), beforeY + share * (y - beforeY), terrain, range);
      if (point) points.push(point);
    }
  }
  const last = points[points.length - 1];
  if (!last) return [];
  const head = new Mesh(new SphereGeometry(0.026, 16, 12), new MeshBasicMaterial({ color: colour }));
  head.position.copy(last);
  if (points.length < 2) return [head];
  const line = (ink: string, width: number, order: number) => {
    const made = new Line2(new LineGeometry().setFromPoints(points), new LineMaterial({ color: ink, linewidth: width, depthWrite: false }));
    made.renderOrder = order;
    return made;
  };
  return [line("#ffffff", 5.5, 1), line(colour, 3.2, 2), head];
}

function ball([x, y]: readonly [number, number], terrain: Terrain, range: Scaled, colour: string, size: number): Object3D {
  const thing = new Mesh(new SphereGeometry(size, 16, 12), new MeshBasicMaterial({ color: colour }));
  const point = onSurface(x, y, terrain, range);
  thing.visible = point !== null;
  if (point) thing.position.copy(point);
  return thing;
}
