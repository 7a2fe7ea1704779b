import Glibc
import Randomness

/// The kinds of pattern that the demo draws; the raw value is the label.
public enum DemoKind: String, Sendable, CaseIterable {
  case stripes, checks, dots, rings, waves, triangles, crosses, spirals, bricks, rays
}

/// One drawn pattern: its kind, and where, how large, how turned and how thick it is.
struct DemoPattern {
  let kind: DemoKind
  /// The pattern's period in pixels.
  let period: Float
  /// The share of the period that is ink, around one half.
  let duty: Float
  /// The pattern's turn, as cosine and sine.
  let turn: SIMD2<Float>
  /// The pattern's origin in pixels.
  let origin: SIMD2<Float>
  /// How much longer the pattern is along one axis.
  let stretch: Float
  /// Arms of a spiral and pairs of rays.
  let arms: Float

  init(kind: DemoKind, side: Int, using random: inout RandomStream) {
    self.kind = kind
    period = exp2(random.uniform(in: 2.8...3.3)) * Float(side) / 32
    duty = random.uniform(in: 0.38...0.62)
    let angle = random.uniform(in: 0...2 * .pi)
    turn = SIMD2(cos(angle), sin(angle))
    origin =
      SIMD2(random.uniform(in: 0.15...0.85), random.uniform(in: 0.15...0.85)) * Float(side)
    stretch = exp2(random.uniform(in: -0.2...0.2))
    arms = Float(1 + random.index(below: 3))
  }

  /// True where there is ink at a point of the picture, in pixels.
  func isInk(_ x: Float, _ y: Float) -> Bool {
    let d = SIMD2(x, y) - origin
    let u = (d.x * turn.x + d.y * turn.y) / period
    let v = (d.y * turn.x - d.x * turn.y) / period * stretch
    return switch kind {
    case .stripes: part(u) < duty
    case .checks: (part(u / 2) < 0.5) == (part(v / 2) < 0.5)
    case .dots: radius(part(u) - 0.5, part(v) - 0.5) < 0.56 * duty.squareRoot()
    case .rings: part(radius(u, v)) < duty
    case .waves: part(wave(u, v)) < duty
    case .triangles: isInTriangle(u / 1.4, v / 1.4)
    case .crosses: isInCross(part(u / 1.3) - 0.5, part(v / 1.3) - 0.5)
    case .spirals: part(radius(u, v) + arms * turns(u, v)) < duty
    case .bricks: isInBrick(u / 1.6, v)
    case .rays: part((4 + 2 * arms) * turns(u, v)) < duty
    }
  }

  private func isInTriangle(_ u: Float, _ v: Float) -> Bool {
    let row = v.rounded(.down)
    let x = part(u + 0.5 * row) - 0.5
    return abs(x) * 2 < (v - row) * (0.6 + 0.6 * duty)
  }

  private func isInCross(_ x: Float, _ y: Float) -> Bool {
    let (thin, long) = (duty * 0.3, Float(0.42))
    return (abs(x) < thin && abs(y) < long) || (abs(y) < thin && abs(x) < long)
  }

  private func isInBrick(_ u: Float, _ v: Float) -> Bool {
    let row = v.rounded(.down)
    let shift: Float = part(row / 2) < 0.25 ? 0 : 0.5
    return part(u + shift) > duty * 0.3 && v - row > duty * 0.45
  }

  private func part(_ x: Float) -> Float { x - x.rounded(.down) }
  private func radius(_ u: Float, _ v: Float) -> Float { (u * u + v * v).squareRoot() }
  private func turns(_ u: Float, _ v: Float) -> Float { atan2(v, u) / (2 * .pi) }

  private func wave(_ u: Float, _ v: Float) -> Float {
    let angle: Float = 4.4 * u
    return v + 0.28 * sin(angle)
  }
}
