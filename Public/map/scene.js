// Points drawn with WebGL 2: one call for all of them. Drawn only when something changed; from one set of positions to
// the next they glide.

const glide = 120;
const vertexSource = `#version 300 es
  in vec2 before;
  in vec2 after;
  in vec3 colour;
  in float isFaint;
  uniform vec2 centre;
  uniform vec2 scale;
  uniform float share;
  uniform float size;
  out vec4 shade;
  void main() {
    gl_Position = vec4((mix(before, after, share) - centre) * scale, 0.0, 1.0);
    gl_PointSize = isFaint > 0.5 ? max(2.0, size * 0.7) : size;
    shade = vec4(colour, isFaint > 0.5 ? 0.12 : 0.85);
  }`;
const fragmentSource = `#version 300 es
  precision mediump float;
  in vec4 shade;
  out vec4 result;
  void main() {
    float distance = length(gl_PointCoord - 0.5);
    float edge = 1.0 - smoothstep(0.38, 0.5, distance);
    result = vec4(shade.rgb, 1.0) * shade.a * edge;
  }`;

function compiled(gl, kind, source) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

function linked(gl) {
  const program = gl.createProgram();
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, vertexSource));
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, fragmentSource));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program,
    gl.LINK_STATUS)) throw new Error(`The map's shader was refused: ${gl.getProgramInfoLog(program)}`);
  return program;
}

export class Scene {
  // Throws where the browser has no WebGL 2.
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    if (!this.gl) throw new Error("This browser has no WebGL 2, which the map is drawn with.");
    this.count = 0;
    this.view = { x: 0, y: 0, scale: 1 };
    this.frame = null;
    this.began = -Infinity;
    // Milliseconds of script of the last frames, for whoever measures.
    this.times = [];
    this.prepare();
    this.lost = (event) => event.preventDefault();
    this.restored = () => {
      this.prepare();
      this.upload();
      this.touch();
    };
    canvas.addEventListener("webglcontextlost", this.lost);
    canvas.addEventListener("webglcontextrestored", this.restored);
  }

  prepare() {
    const { gl } = this;
    this.program = linked(gl);
    this.buffers = Object.fromEntries(["before", "after", "colour",
      "isFaint"].map((name) => [name, gl.createBuffer()]));
    this.places = Object.fromEntries(["centre", "scale", "share",
      "size"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.bind("before", 2, gl.FLOAT, false);
    this.bind("after", 2, gl.FLOAT, false);
    this.bind("colour", 3, gl.UNSIGNED_BYTE, true);
    this.bind("isFaint", 1, gl.UNSIGNED_BYTE, false);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  bind(name, size, kind, isNormalized) {
    const { gl } = this;
    const at = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, isNormalized, 0, 0);
  }

  fill(name, data) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  }

  upload() {
    if (!this.after) return;
    this.fill("before", this.before);
    this.fill("after", this.after);
    if (this.colours) this.fill("colour", this.colours);
    this.fill("isFaint", this.faint ?? new Uint8Array(this.count));
  }

  // Positions, x and y by turns. Points glide there from where they were.
  move(positions) {
    const isSame = this.after?.length === positions.length;
    this.before = isSame ? this.after : positions;
    this.after = positions;
    this.count = positions.length / 2;
    this.began = isSame ? performance.now() : -Infinity;
    this.upload();
    this.touch();
  }

  // Three bytes of colour for each point.
  paint(colours) {
    this.colours = colours;
    this.fill("colour", colours);
    this.touch();
  }

  // A byte for each point: 1 for those that step back. Null: none.
  fade(faint) {
    this.faint = faint;
    this.fill("isFaint", faint ?? new Uint8Array(this.count));
    this.touch();
  }

  look(view) {
    this.view = view;
    this.touch();
  }

  touch() {
    this.frame ??= requestAnimationFrame((time) => this.draw(time));
  }

  draw() {
    const started = performance.now();
    this.frame = null;
    const { gl, canvas, view, places } = this;
    const ratio = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.count && this.colours) {
      const share = Math.min(1, (started - this.began) / glide);
      gl.uniform2f(places.centre, view.x, view.y);
      gl.uniform2f(places.scale, (2 * view.scale * ratio) / width, (2 * view.scale * ratio) / height);
      gl.uniform1f(places.share, share);
      gl.uniform1f(places.size, ratio * pointSize(this.count, view.scale));
      gl.drawArrays(gl.POINTS, 0, this.count);
      if (share < 1) this.touch();
    }
    this.times = [...this.times.slice(-119), performance.now() - started];
  }

  end() {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.canvas.removeEventListener("webglcontextrestored", this.restored);
    // Browsers keep few contexts: this one is given back at once.
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

// Many points are small, and grow as one comes nearer.
function pointSize(count, scale) {
  const few = Math.max(2.5, Math.min(9, 320 / Math.sqrt(count)));
  return Math.min(16, few * Math.max(1, Math.sqrt(scale / 40)));
}
