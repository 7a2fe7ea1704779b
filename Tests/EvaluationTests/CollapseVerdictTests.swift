import Evaluation
import Randomness
import Tensors
import Testing

@Suite("Collapse verdict")
struct CollapseVerdictTests {
  /// Measures of 256 vectors of 512 dimensions with the given spread (1 is healthy) and rank.
  private func measures(spread: Double, rank: Double = 60) -> CollapseMeasures {
    CollapseMeasures(
      count: 256, dimension: 512, deviation: spread / 512.0.squareRoot(), effectiveRank: rank,
      meanCosine: 1 - spread * spread)
  }

  private func report(_ cosine: Double) -> CollapseVerdict.Report {
    CollapseVerdict.Report(step: 9, loss: 4 - 4 * cosine, cosine: cosine)
  }

  @Test(arguments: [
    (1.0, 60.0, 0.9, CollapseVerdict.Health.healthy),
    (0.2, 20.0, 0.5, .healthy),
    (0.38, 12.0, 0.5, .suspect),
    (0.2, 12.0, 0.999, .collapsed),
    (0.5, 60.0, 0.999, .suspect),
    (0.05, 60.0, 0.5, .suspect),
    (0.5, 1.8, 0.5, .suspect),
    (0.05, 60.0, 0.999, .collapsed),
    (0.01, 60.0, 0.5, .collapsed),
    (0.5, 1.1, 0.5, .collapsed),
  ])
  func `spread, rank and cosine decide`(
    spread: Double, rank: Double, cosine: Double, health: CollapseVerdict.Health
  ) {
    let verdict = CollapseVerdict(
      measures(spread: spread, rank: rank), history: [report(0), report(cosine)])
    #expect(verdict.health == health)
    #expect(!verdict.evidence.isEmpty)
    #expect((verdict.advice == nil) == (health == .healthy))
  }

  @Test(arguments: [
    // Vectors, dimension, effective rank: few directions of many are a dimensional collapse, few of few are not.
    (128, 512, 3.2, CollapseVerdict.Health.suspect), (128, 512, 5.0, .suspect),
    (128, 512, 7.0, .healthy), (8, 512, 2.2, .healthy), (256, 32, 2.2, .healthy),
    (256, 64, 3.1, .suspect), (8, 512, 1.9, .suspect),
  ])
  func `a rank is judged by the most it can be`(
    count: Int, dimension: Int, rank: Double, health: CollapseVerdict.Health
  ) {
    let verdict = CollapseVerdict(
      CollapseMeasures(
        count: count, dimension: dimension, deviation: 0.38 / Double(dimension).squareRoot(),
        effectiveRank: rank, meanCosine: 0.85))
    #expect(verdict.health == health)
    #expect(verdict.evidence[0].contains("\(rank) of at most \(min(count, dimension))"))
    #expect(verdict.evidence[0].contains("dimensional collapse") == (health == .suspect))
  }

  @Test func `a spread that fell far since the start is suspect`() {
    let now = measures(spread: 0.15)
    #expect(CollapseVerdict(now, first: measures(spread: 0.8)).health == .suspect)
    #expect(CollapseVerdict(now, first: measures(spread: 0.2)).health == .healthy)
  }

  @Test(arguments: [
    (0.66, CollapseVerdict.Health.healthy), (0.4, .healthy), (0.39, .suspect), (0.25, .suspect),
    (0.24, .collapsed),
  ])
  func `projections that are alike tell a collapse before representations do`(
    spread: Double, health: CollapseVerdict.Health
  ) {
    let verdict = CollapseVerdict(
      measures(spread: 0.6), projections: measures(spread: spread), history: [report(0.9)])
    #expect(verdict.health == health)
    #expect(
      verdict.evidence.contains { $0.contains("projections' spread") } == (health != .healthy))
  }

  @Test func `a loss that is not finite is a collapse`() {
    let broken = CollapseVerdict.Report(step: 3, loss: .nan, cosine: 0)
    let verdict = CollapseVerdict(measures(spread: 1), history: [broken, report(0.5)])
    #expect(verdict.health == .collapsed)
    #expect(verdict.evidence.contains { $0.contains("step 3") })
  }

  @Test func `vectors that are one are a collapse, vectors of all directions are healthy`() throws {
    let threads = ThreadBudget(1)
    let same = Array(repeating: [Float](repeating: 0.5, count: 64), count: 32).flatMap { $0 }
    let collapsed = try CollapseMeasures(of: same, dimension: 64, threads: threads)
    #expect(abs(collapsed.meanCosine - 1) < 1e-6 && collapsed.deviation < 1e-6)
    #expect(abs(collapsed.effectiveRank - 1) < 1e-3)
    #expect(CollapseVerdict(collapsed).health == .collapsed)

    var stream = RandomStream(seed: 1, purpose: .evaluation, index: 0)
    let spread = (0..<64 * 200).map { _ in stream.normal() }
    let healthy = try CollapseMeasures(of: spread, dimension: 64, threads: threads)
    #expect(abs(healthy.spread - 1) < 0.05 && abs(healthy.meanCosine) < 0.02)
    #expect(CollapseVerdict(healthy).health == .healthy)
  }
}
