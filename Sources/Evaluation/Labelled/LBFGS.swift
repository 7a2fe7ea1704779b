/// Limited-memory BFGS (Liu and Nocedal 1989) with a backtracking line search: minimises a smooth convex
/// function of many variables.
struct LBFGS {
  /// Pairs of steps remembered.
  var memory = 10
  /// The most steps taken.
  var maximumSteps = 500
  /// Stops when no component of the gradient is larger.
  var gradientTolerance = 1e-6

  /// Moves `point` to the minimum; `function` returns the value and fills the gradient.
  ///
  /// Returns the number of steps taken.
  func minimize(_ point: inout [Double], _ function: ([Double], inout [Double]) -> Double) -> Int {
    var gradient = [Double](repeating: 0, count: point.count)
    var value = function(point, &gradient)
    var pairs: [Pair] = []
    for step in 0..<maximumSteps {
      guard gradient.contains(where: { abs($0) > gradientTolerance }) else { return step }
      let direction = descent(gradient, pairs)
      guard
        let next = search(from: point, value, gradient, along: direction, function)
      else { return step }
      let pair = Pair(
        step: difference(next.point, point), change: difference(next.gradient, gradient))
      if pair.curvature > 1e-14 { pairs.append(pair) }
      if pairs.count > memory { pairs.removeFirst() }
      (point, value, gradient) = (next.point, next.value, next.gradient)
    }
    return maximumSteps
  }

  private struct Pair {
    var step: [Double]
    var change: [Double]
    var curvature: Double

    init(step: [Double], change: [Double]) {
      (self.step, self.change) = (step, change)
      curvature = dot(step, change)
    }
  }

  /// −H·g by the two-loop recursion.
  private func descent(_ gradient: [Double], _ pairs: [Pair]) -> [Double] {
    var q = gradient.map { -$0 }
    var factors: [Double] = []
    for pair in pairs.reversed() {
      let factor = dot(pair.step, q) / pair.curvature
      factors.append(factor)
      add(-factor, pair.change, to: &q)
    }
    if let last = pairs.last {
      let scale = last.curvature / dot(last.change, last.change)
      for i in q.indices { q[i] *= scale }
    } else {
      let scale = 1 / max(1, dot(gradient, gradient).squareRoot())
      for i in q.indices { q[i] *= scale }
    }
    for (pair, factor) in zip(pairs, factors.reversed()) {
      add(factor - dot(pair.change, q) / pair.curvature, pair.step, to: &q)
    }
    return q
  }

  private typealias Place = (point: [Double], value: Double, gradient: [Double])

  /// Halves the step until Armijo's condition holds; a step that holds but is still steep is doubled
  /// for as long as that holds too.
  private func search(
    from point: [Double], _ value: Double, _ gradient: [Double], along direction: [Double],
    _ function: ([Double], inout [Double]) -> Double
  ) -> Place? {
    let slope = dot(gradient, direction)
    guard slope < 0 else { return nil }
    var length = 1.0
    var best: Place?
    for _ in 0..<40 {
      var place: Place = (point, 0, gradient)
      add(length, direction, to: &place.point)
      place.value = function(place.point, &place.gradient)
      let isLower = place.value <= value + 1e-4 * length * slope
      if let best, !isLower || place.value >= best.value { return best }
      if isLower {
        if length < 1 || dot(place.gradient, direction) >= 0.9 * slope { return place }
        best = place
      }
      length *= isLower ? 2 : 0.5
    }
    return best
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for i in a.indices { sum += a[i] * b[i] }
  return sum
}

private func difference(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }

private func add(_ factor: Double, _ a: [Double], to b: inout [Double]) {
  for i in a.indices { b[i] += factor * a[i] }
}
