import Checkpoints
import Datasets
import Foundation
import Methods
import NeuralNetworks
import Recipes
import ReferenceLowering
import Synchronization
import TensorGraph
import Tensors
import Testing

@testable import Training

/// Two trainers as two processes of one run, each on a thread of its own, on the reference lowering.
@Suite(.serialized) struct CollectiveTests {
  /// The views of a rank's share of the batch of an update, and the state after the updates.
  private func view(_ rank: Int, _ step: Int, _ number: Int) -> [Float] {
    (0..<2 * 8 * 8 * 3).map {
      Float(($0 * 37 + 101 * rank + 53 * step + 29 * number) % 255) / 127 - 1
    }
  }

  private func recipe() throws -> Recipe {
    var recipe = try TinyRun().recipe
    recipe.batchSize = 4
    (recipe.optimizer, recipe.momentum, recipe.weightDecay) = (.sgd, 0.9, 0.01)
    recipe.baseLearningRate = 10
    return recipe
  }

  private func update(_ trainer: Trainer, rank: Int) throws -> StepMetrics {
    for number in 0..<2 {
      trainer.write(view(rank, trainer.step, number).span, view: number)
    }
    return try trainer.update()
  }

  /// What a rank ends with.
  private struct Ending: Equatable {
    var losses: [Double]
    var state: TrainingState
  }

  private func ending(
    _ recipe: Recipe, updates: Int, rank: Int, _ collective: any Collective
  ) throws -> Ending {
    let trainer = try Trainer(recipe, lowering: ReferenceLowering(), collective: collective)
    let losses = try (0..<updates).map { _ in try update(trainer, rank: rank).loss }
    return Ending(losses: losses, state: trainer.state)
  }

  /// The endings of two ranks after some updates.
  private func pair(
    _ recipe: Recipe, updates: Int, _ collective: @escaping @Sendable (Int) -> any Collective
  ) throws -> [Ending] {
    let endings = Mutex<[Int: Ending]>([:])
    let over = DispatchSemaphore(value: 0)
    for rank in 0..<2 {
      Thread.detachNewThread { [self] in
        let ending = try? ending(recipe, updates: updates, rank: rank, collective(rank))
        endings.withLock { $0[rank] = ending }
        over.signal()
      }
    }
    for _ in 0..<2 { over.wait() }
    return try endings.withLock { endings in try (0..<2).map { try #require(endings[$0]) } }
  }

  @Test func `two processes end with the same bits, and their step is that of the mean gradient`()
    throws
  {
    let recipe = try recipe()
    let meeting = Meeting()
    #expect(recipe.batchSize == 2 * 2)
    let ends = try pair(recipe, updates: 1) { PairCollective(rank: $0, meeting: meeting) }
    #expect(ends[0] == ends[1])

    // By hand: without momentum and decay, the velocity after one update of a world of one is the gradient.
    var plain = recipe
    (plain.momentum, plain.weightDecay) = (0, 0)
    plain.batchSize = 2
    let solo = try (0..<2).map { rank in
      let trainer = try Trainer(plain, lowering: ReferenceLowering())
      let first = trainer.state
      return (first, try update(trainer, rank: rank).loss, trainer.state)
    }
    #expect(abs(ends[0].losses[0] - (solo[0].1 + solo[1].1) / 2) < 1e-5)
    let (rate, tau) = (recipe.learningRate(step: 0), recipe.tau(step: 0))
    var compared = 0
    for parameter in recipe.update.variables where parameter.network == "online" {
      let old = try values(parameter.name, solo[0].0)
      let new = try values(parameter.name, ends[0].state)
      guard parameter.role != .statistic else {
        let own = try solo.map { try values(parameter.name, $0.2) }
        for i in new.indices { #expect(abs(new[i] - (own[0][i] + own[1][i]) / 2) < 1e-5) }
        continue
      }
      let gradients = try solo.map { try values(parameter.slot("velocity").name, $0.2) }
      let decay = recipe.optimizerRule(for: parameter.role).decay
      for i in new.indices {
        let gradient = Double(gradients[0][i] + gradients[1][i]) / 2 + decay * Double(old[i])
        let expected = Double(old[i]) - rate * gradient
        #expect(abs(Double(new[i]) - expected) < 1e-5 * max(1, abs(expected)))
      }
      if parameter.module != "predictor" {
        let name = "target.\(parameter.module).\(parameter.path)"
        let (before, after) = (try values(name, solo[0].0), try values(name, ends[0].state))
        for i in after.indices {
          let expected = tau * Double(before[i]) + (1 - tau) * Double(new[i])
          #expect(abs(Double(after[i]) - expected) < 1e-5 * max(1, abs(expected)))
        }
      }
      compared += 1
    }
    #expect(compared > 60)
  }

  @Test func `several updates keep the processes equal, and without sums they part`() throws {
    let recipe = try recipe()
    let meeting = Meeting()
    let ends = try pair(recipe, updates: 3) { PairCollective(rank: $0, meeting: meeting) }
    #expect(ends[0] == ends[1])
    let apart = try pair(recipe, updates: 3) { DeafCollective(rank: $0) }
    #expect(apart[0].state != apart[1].state)
  }

  /// The views of both ranks, one after the other: the whole batch.
  private func updateWhole(_ trainer: Trainer) throws -> StepMetrics {
    for number in 0..<2 {
      let whole = (0..<2).flatMap { view($0, trainer.step, number) }
      trainer.write(whole.span, view: number)
    }
    return try trainer.update()
  }

  @Test func `a process that computes both parts itself makes the step of two processes`() throws {
    var recipe = try recipe()
    let meeting = Meeting()
    let pair = try pair(recipe, updates: 1) { PairCollective(rank: $0, meeting: meeting) }
    recipe.accumulation = 2
    let trainer = try Trainer(recipe, lowering: ReferenceLowering())
    let metrics = try updateWhole(trainer)
    #expect(abs(metrics.loss - pair[0].losses[0]) < 1e-6)
    var compared = 0
    for parameter in recipe.update.variables where parameter.role != .statistic {
      let (own, other) = (
        try values(parameter.name, trainer.state), try values(parameter.name, pair[0].state)
      )
      for (a, b) in zip(own, other) { #expect(abs(a - b) <= 1e-6 * max(1, abs(b))) }
      compared += 1
    }
    #expect(compared > 60)
    // Running statistics move on with each part, as in PyTorch; the pictures' outputs are those of the whole batch.
    #expect(trainer.representations.count == 4 * recipe.encoder.representationDimension)
    #expect(trainer.projections.count == 4 * recipe.projectorOutput)

    // Negative control: a whole batch is not the sum of its parts, since batch norm sees all of it.
    recipe.accumulation = 1
    let whole = try Trainer(recipe, lowering: ReferenceLowering())
    #expect(abs(try updateWhole(whole).loss - metrics.loss) > 1e-3)
  }

  @Test func `a batch that has no such parts is refused`() throws {
    var recipe = try recipe()
    recipe.accumulation = 3
    #expect(throws: TrainingError.self) { try Trainer(recipe, lowering: ReferenceLowering()) }
  }

  @Test func `in a world of one the program is that of the whole update`() throws {
    let recipe = try recipe()
    let trainer = try Trainer(recipe, lowering: ReferenceLowering(), collective: SoloCollective())
    #expect(trainer.update.application == nil && trainer.update.graph == recipe.update.graph)
    var values: [Float] = [1, 2]
    SoloCollective().allReduce(&values)
    #expect(values == [1, 2])
  }

  private func values(_ name: String, _ state: TrainingState) throws -> [Float] {
    try #require(state.tensors.first { $0.name == name }).values
  }
}

extension OptimizerRule {
  fileprivate var decay: Double {
    if case .sgd(_, let weightDecay) = self { weightDecay } else { 0 }
  }
}

/// Two workers of one run, each on a thread of its own: the whole session with a world of two.
@Suite(.serialized) struct SharedSessionTests {
  /// Trains the run with two workers, each asked to stop after so many looks; returns what each reported.
  private func train(_ run: TinyRun, stoppingAfter stops: [Int?] = [nil, nil]) throws
    -> [[WorkerReport]]
  {
    let meeting = Meeting()
    let ends = Mutex<[Int: Result<[WorkerReport], any Error>]>([:])
    let over = DispatchSemaphore(value: 0)
    for rank in 0..<2 {
      var worker = run.worker(threads: 1)
      worker.collective = PairCollective(rank: rank, meeting: meeting)
      let session = UnsafeSession(worker: worker, pack: run.pack, stop: stops[rank])
      Thread.detachNewThread {
        let reports = Result { try session.reports() }
        ends.withLock { $0[rank] = reports }
        over.signal()
      }
    }
    for _ in 0..<2 { over.wait() }
    return try (0..<2).map { rank in
      try #require(ends.withLock { $0[rank] }).get().filter { $0.kind != .heartbeat }
    }
  }

  /// A worker that another thread runs; nobody else holds it.
  private struct UnsafeSession: @unchecked Sendable {
    let worker: TrainingWorker
    let pack: Pack
    let stop: Int?

    func reports() throws -> [WorkerReport] {
      var reports: [WorkerReport] = []
      var looks = 0
      try worker.run(
        pack: pack,
        isAskedToStop: {
          looks += 1
          return stop.map { looks > $0 } ?? false
        }, report: { reports.append($0) })
      return reports
    }
  }

  @Test func `two processes train one run; the first one writes and reports`() throws {
    let run = try TinyRun()
    let reports = try train(run)
    #expect(reports[0].last == .finished(step: 10, outcome: .succeeded))
    #expect(reports[1].isEmpty)
    #expect(try run.checkpoints.steps() == [10])
    // Batch norm sees half of the batch, so that a process alone ends with other numbers.
    let alone = try TinyRun()
    try alone.train(alone.worker(threads: 1))
    #expect(try run.newest.state.tensors != alone.newest.state.tensors)
  }

  @Test func `a stop of one is a stop of both, and the run goes on to the same bits`() throws {
    let undisturbed = try TinyRun()
    _ = try train(undisturbed)
    let run = try TinyRun()
    // The second process is asked to stop after four updates; it takes no lock, so that it looks once before each.
    let reports = try train(run, stoppingAfter: [nil, 4])
    #expect(reports[0].last == .finished(step: 4, outcome: .stopped))
    #expect(try run.checkpoints.steps() == [4])
    _ = try train(run)
    #expect(try run.newest.step == 10)
    #expect(try run.newest.state.tensors == undisturbed.newest.state.tensors)
  }

  @Test func `a batch that cannot be shared equally is refused`() throws {
    let run = try TinyRun()
    run.recipe.batchSize = 5
    #expect(throws: TrainingError.self) { _ = try train(run) }
  }
}

/// Where two threads meet and add up what they bring.
private final class Meeting: Sendable {
  private let condition = NSCondition()
  private let state = Mutex<(brought: [Int: [Float]], sum: [Float], round: Int)>(([:], [], 0))

  func sum(_ values: [Float], of rank: Int) -> [Float] {
    condition.lock()
    defer { condition.unlock() }
    let round = state.withLock { state in
      state.brought[rank] = values
      if let first = state.brought[0], let second = state.brought[1] {
        state.sum = zip(first, second).map { $0 + $1 }
        state.brought = [:]
        state.round += 1
        condition.broadcast()
        return state.round - 1
      }
      return state.round
    }
    while state.withLock({ $0.round }) == round { condition.wait() }
    return state.withLock { $0.sum }
  }
}

private struct PairCollective: Collective {
  let rank: Int
  let meeting: Meeting
  var count: Int { 2 }
  func allReduce(_ values: inout [Float]) { values = meeting.sum(values, of: rank) }
}

/// Forgets the other process: the negative control.
private struct DeafCollective: Collective {
  let rank: Int
  var count: Int { 2 }
  func allReduce(_ values: inout [Float]) { values = values.map { 2 * $0 } }
}
