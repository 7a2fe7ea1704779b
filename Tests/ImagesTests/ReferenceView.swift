import Foundation
import Images

/// Every change of a view in the slow and obvious way, in double precision: what the fast renderer is
/// held against. Values are in 0…1, `[height][width][3]`.
struct ReferenceView {
  var rows: [[[Double]]]
  var side: Int { rows.count }

  /// All of `box` resampled to a square, weights written out per pixel, clipped.
  init(_ image: Raster, box: PixelBox, side: Int) {
    func weights(_ length: Int, _ i: Int) -> [Double] {
      let scale = Double(length) / Double(side)
      let widening = max(1, scale)
      let centre = (Double(i) + 0.5) * scale
      let first = max(0, Int(centre - 2 * widening + 0.5))
      let last = min(length, Int(centre + 2 * widening + 0.5))
      let raw = (0..<length).map { k in
        k < first || k >= last ? 0 : ReferenceView.cubic((Double(k) + 0.5 - centre) / widening)
      }
      let sum = raw.reduce(0, +)
      return raw.map { $0 / sum }
    }
    let columns = (0..<side).map { weights(box.width, $0) }
    let lines = (0..<side).map { weights(box.height, $0) }
    rows = (0..<side).map { y in
      (0..<side).map { x in
        var sum = [0.0, 0.0, 0.0]
        for (v, down) in lines[y].enumerated() where down != 0 {
          for (u, across) in columns[x].enumerated() where across != 0 {
            let pixel = image[box.x + u, box.y + v]
            sum[0] += down * across * Double(pixel.0)
            sum[1] += down * across * Double(pixel.1)
            sum[2] += down * across * Double(pixel.2)
          }
        }
        return sum.map { ReferenceView.clip($0 / 255) }
      }
    }
  }

  static func clip(_ x: Double) -> Double { min(1, max(0, x)) }

  static func cubic(_ x: Double) -> Double {
    let (a, t) = (-0.5, abs(x))
    if t < 1 { return (a + 2) * t * t * t - (a + 3) * t * t + 1 }
    if t < 2 { return a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a }
    return 0
  }

  mutating func map(_ change: ([Double]) -> [Double]) {
    rows = rows.map { $0.map { change($0).map(ReferenceView.clip) } }
  }

  mutating func apply(_ change: ColorChange) {
    switch change {
    case .brightness(let delta):
      map { $0.map { $0 + Double(delta) } }
    case .contrast(let factor):
      let count = Double(side * side)
      let means = (0..<3).map { c in rows.joined().reduce(0) { $0 + $1[c] } / count }
      map { pixel in (0..<3).map { Double(factor) * (pixel[$0] - means[$0]) + means[$0] } }
    case .saturation(let factor):
      map { pixel in
        let (h, s, v) = hsv(pixel)
        return rgb(h, ReferenceView.clip(s * Double(factor)), v)
      }
    case .hue(let turns):
      map { pixel in
        let (h, s, v) = hsv(pixel)
        let turned = h + Double(turns)
        return rgb(turned - turned.rounded(.down), s, v)
      }
    case .gray:
      map { pixel in
        let gray = 0.2989 * pixel[0] + 0.5870 * pixel[1] + 0.1140 * pixel[2]
        return [gray, gray, gray]
      }
    }
  }

  /// Zeros outside, as the released code's "SAME" convolution has it; the whole kernel at once.
  mutating func blur(sigma: Double) {
    let radius = Int(Double(side) / 10 / 2)
    let line = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let sum = line.reduce(0, +)
    let old = rows
    for y in 0..<side {
      for x in 0..<side {
        var total = [0.0, 0.0, 0.0]
        for (j, down) in line.enumerated() {
          for (i, across) in line.enumerated() {
            let (v, u) = (y + j - radius, x + i - radius)
            guard v >= 0, v < side, u >= 0, u < side else { continue }
            for c in 0..<3 { total[c] += down * across / (sum * sum) * old[v][u][c] }
          }
        }
        rows[y][x] = total
      }
    }
  }

  /// The view that the parameters describe, normalised, channels last.
  static func render(
    _ image: Raster, _ parameters: ViewParameters, side: Int, normalization: Normalization
  ) -> [Double] {
    var view = ReferenceView(image, box: parameters.crop, side: side)
    if parameters.flip { view.rows = view.rows.map { $0.reversed() } }
    if parameters.verticalFlip { view.rows.reverse() }
    if parameters.transpose {
      view.rows = (0..<side).map { x in view.rows.map { $0[x] } }
    }
    for change in parameters.colorChanges { view.apply(change) }
    if let sigma = parameters.blurSigma { view.blur(sigma: Double(sigma)) }
    if let threshold = parameters.solarizeThreshold {
      view.map { $0.map { $0 < Double(threshold) ? $0 : 1 - $0 } }
    }
    view.map { $0 }
    return view.rows.joined().flatMap { pixel in
      (0..<3).map {
        (pixel[$0] - Double(normalization.mean[$0])) / Double(normalization.deviation[$0])
      }
    }
  }
}

/// Hue in turns, saturation and value, by the hexagon's sixths.
func hsv(_ pixel: [Double]) -> (Double, Double, Double) {
  let (r, g, b) = (pixel[0], pixel[1], pixel[2])
  let high = max(r, g, b)
  let range = high - min(r, g, b)
  guard range > 0 else { return (0, 0, high) }
  var sixths: Double
  if r == high {
    sixths = (g - b) / range
  } else if g == high {
    sixths = 2 + (b - r) / range
  } else {
    sixths = 4 + (r - g) / range
  }
  if sixths < 0 { sixths += 6 }
  return (sixths / 6, range / high, high)
}

func rgb(_ h: Double, _ s: Double, _ v: Double) -> [Double] {
  let sixth = Int(h * 6) % 6
  let part = h * 6 - (h * 6).rounded(.down)
  let (p, q, t) = (v * (1 - s), v * (1 - s * part), v * (1 - s * (1 - part)))
  return [[v, t, p], [q, v, p], [p, v, t], [p, q, v], [t, p, v], [v, p, q]][sixth]
}
