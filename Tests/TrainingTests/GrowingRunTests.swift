import Checkpoints
import Datasets
import Foundation
import Images
import Methods
import Metrics
import Recipes
import Tensors
import Testing

@testable import Training

/// Runs whose views grow, whose batches are computed in parts, and which learn from labels: the whole session.
@Suite(.serialized) struct GrowingRunTests {
  private func growing() throws -> TinyRun {
    let run = try TinyRun()
    (run.recipe.startingSize, run.recipe.imageSize) = (8, 16)
    run.recipe.startingStrength = 0.2
    return run
  }

  @Test func `views grow in three stages of as many updates`() throws {
    let run = try growing()
    #expect(run.recipe.totalSteps == 10)
    #expect(run.recipe.stages.map(\.end) == [3, 6, 10])
    #expect(run.recipe.stages.map(\.recipe.imageSize) == [8, 12, 16])
    #expect(
      [0, 2, 3, 9, 10].map { run.recipe.stage(at: $0).recipe.imageSize } == [8, 8, 12, 16, 16])
    let reports = try run.train()
    #expect(reports.last == .finished(step: 10, outcome: .succeeded))
  }

  @Test(arguments: [2, 3, 5]) func `a growing run that was stopped ends with the same bits`(
    stop: Int
  ) throws {
    let whole = try growing()
    try whole.train()
    let parted = try growing()
    try parted.train(stoppingAfter: stop)
    #expect(try parted.checkpoints.steps() == [stop])
    try parted.train()
    let ends = try [whole, parted].map { run in
      try #require(try run.checkpoints.newest()).state.tensors
    }
    #expect(ends[0] == ends[1])
    // Negative control: a run whose views do not grow ends elsewhere.
    let plain = try TinyRun()
    plain.recipe.imageSize = 16
    plain.recipe.startingSize = 16
    try plain.train()
    #expect(try #require(try plain.checkpoints.newest()).state.tensors != ends[0])
  }

  @Test func `a session accumulates the gradients of parts, and resumes exactly`() throws {
    func run() throws -> TinyRun {
      let run = try TinyRun()
      run.recipe.accumulation = 2
      return run
    }
    let (whole, parted) = (try run(), try run())
    try whole.train()
    try parted.train(stoppingAfter: 4)
    try parted.train()
    let ends = try [whole, parted].map { try #require(try $0.checkpoints.newest()).state.tensors }
    #expect(ends[0] == ends[1])
  }

  @Test func `a run learns labels, and one without them is ended with a sentence`() throws {
    // 300 updates on 20 whole pictures: the labels are known by heart then, whichever kernels computed them.
    let run = try TinyRun(epochs: 60)
    run.recipe.augmentations.first = run.recipe.augmentations.first.scaled(by: 0)
    run.recipe.augmentations.first.flipProbability = 0
    run.recipe.method = MethodName(Supervised.self)
    run.recipe.classes = run.pack.labels.count
    (run.recipe.optimizer, run.recipe.baseLearningRate) = (.adamw, 0.1)
    let reports = try run.train()
    let told = reports.compactMap { $0.metrics?["label_probability"] }
    let (first, last) = (try #require(told.first), try #require(told.last))
    #expect(first < 0.3 && last > 0.5, "\(first) … \(last)")

    // A recipe that knows fewer labels than the pictures have.
    let other = try TinyRun()
    other.recipe.method = MethodName(Supervised.self)
    other.recipe.classes = 1
    let error = try #require(throws: TrainingError.self) { try other.train() }
    #expect("\(error)".contains("has no label"))
  }
}
