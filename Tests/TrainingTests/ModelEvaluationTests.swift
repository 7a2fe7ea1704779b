import Datasets
import Encoders
import Evaluation
import Images
import NeuralNetworks
import OneDNNLowering
import Recipes
import TensorGraph
import Tensors
import Testing

@testable import Training

/// An evaluation with the classifier that learns from random crops.
@Suite struct ModelEvaluationTests {
  private let run: TinyRun
  private let pictures: PackSplit
  private let model: EncoderModel

  init() throws {
    run = try TinyRun()
    // A fifth of the 20 pictures is judged, against 16.
    pictures = try #require(PackSplit(run.pack, isQuick: true))
    model = EncoderModel(
      random: EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar),
      imageSize: 8, seed: 1)
  }

  private func evaluation(
    _ protocols: [EvaluationProtocol], hasBaselines: Bool = true, threads: Int = 2,
    progress: @escaping (EvaluationProgress) -> Void = { _ in },
    isAskedToStop: @escaping () -> Bool = { false }
  ) -> ModelEvaluation {
    ModelEvaluation(
      pack: run.pack, pictures: pictures, model: model, networkSeed: 2, protocols: protocols,
      isQuick: true, hasBaselines: hasBaselines, threads: ThreadBudget(threads),
      lowering: { OneDNNLowering(threads: ThreadBudget(1), precision: .float32) },
      progress: progress, isAskedToStop: isAskedToStop)
  }

  /// The last state of progress of a whole evaluation.
  private func progress(_ protocols: [EvaluationProtocol], hasBaselines: Bool) throws -> Int {
    var states: [EvaluationProgress] = []
    _ = try evaluation(protocols, hasBaselines: hasBaselines) { states.append($0) }
      .report { 0 }
    let last = try #require(states.last)
    #expect(last.done == last.total && states.allSatisfy { $0.total == last.total })
    return last.total
  }

  @Test
  func `every subject is judged by the classifier that learns from crops, alike for any threads`()
    throws
  {
    let report = try evaluation([.sgd, .neighbours(1)]).report { 0 }
    #expect(report.rows.map(\.subject) == EvaluationReport.Subject.allCases)
    for row in report.rows {
      let found = try #require(row.accuracies.first)
      #expect(found.protocol == .sgd && found.crops == 8)
      #expect(found.learningRate.map(SGDProbe.paperRates.contains) == true)
      #expect((0...1).contains(found.top1))
      // Nobody else learns from crops.
      #expect(row.accuracies.last?.crops == nil && row.accuracies.count == 2)
    }
    // The projection of patches is OpenBLAS's, whose bits follow its threads.
    let other = try evaluation([.sgd, .neighbours(1)], threads: 1).report { 0 }
    for (mine, theirs) in zip(report.rows, other.rows) where mine.subject != .projectedPatches {
      #expect(mine.accuracies == theirs.accuracies)
    }
    #expect(report.table[0].contains("linear by SGD"))
  }

  @Test func `crops are counted, where somebody learns from them`() throws {
    // 8 crops of 16 pictures: of the model, of the random network, of both baselines that are no network.
    for (hasBaselines, subjects) in [(false, 1), (true, 3)] {
      let plain = try progress([.neighbours(1)], hasBaselines: hasBaselines)
      let withCrops = try progress([.sgd], hasBaselines: hasBaselines)
      #expect(withCrops - plain == subjects * 8 * 16)
    }
  }

  @Test
  func `crops are parts of the picture, the same for each evaluation, without changes of colour`()
    throws
  {
    let renderer = ModelEvaluation.cropRenderer(side: 8, normalization: model.normalization)
    let parameters = (0..<200).map {
      renderer.parameters(width: 64, height: 64, seed: 0, epoch: 0, picture: $0, view: 0)
    }
    #expect(
      parameters.allSatisfy {
        $0.colorChanges.isEmpty && $0.blurSigma == nil && $0.solarizeThreshold == nil
          && !$0.verticalFlip && !$0.transpose
      })
    let areas = parameters.map { Double($0.crop.width * $0.crop.height) / (64 * 64) }
    #expect(areas.allSatisfy { (0.07...1).contains($0) })
    #expect(areas.contains { $0 < 0.2 } && areas.contains { $0 > 0.8 })
    #expect((60...140).contains(parameters.count { $0.flip }))

    var batches: [[Float]] = []
    try evaluation([.sgd]).eachCropBatch(renderer, count: 3) { batch, rows in
      #expect(batch.count == rows * renderer.elementCount)
      batches.append(batch)
    }
    // 48 crops in batches of 32, those of a picture side by side.
    #expect(batches.map { $0.count / renderer.elementCount } == [32, 16])
    let first = pictures.split.reference[0]
    let expected = renderer(
      try run.pack.image(at: first), seed: 0, epoch: 0, picture: first, view: 1)
    #expect(Array(batches[0][renderer.elementCount..<2 * renderer.elementCount]) == expected)
  }

  @Test(arguments: [1, 3, 5, 7, 30])
  func `an evaluation stops at a batch, of crops or of the classifier's`(looks: Int) throws {
    // 4 judged pictures and 16 others are two batches, 128 crops four, and then come 80 epochs of an update and as many again.
    var (done, count) = (0, 0)
    #expect(throws: ModelEvaluation.Stopped.self) {
      try evaluation(
        [.sgd], hasBaselines: false, progress: { done = $0.done },
        isAskedToStop: {
          count += 1
          return count == looks
        }
      ).figures()
    }
    #expect(count == looks)
    #expect(done == [1: 0, 3: 20, 5: 20 + 64, 7: 148, 30: 148][looks])
  }

  @Test func `fine-tuning learns a share of each class, and moves encoder and classifier`() throws {
    let share = evaluation([.fineTuning(50)])
    let chosen = share.fineTuningPictures(50)
    let classes = Dictionary(grouping: pictures.split.reference) { run.pack[$0].label }
    for (label, members) in classes {
      let own = chosen.filter { run.pack[$0].label == label }
      #expect(own.count == max(1, (members.count + 1) / 2) && own.allSatisfy(members.contains))
    }
    #expect(share.fineTuningPictures(100) == pictures.split.reference.sorted())
    #expect(share.fineTuningPictures(1).count == classes.count)
    #expect(share.fineTuningPictures(50) == chosen)
    // What is judged is never learned.
    #expect(Set(chosen).isDisjoint(with: pictures.split.judged))

    let recipe = share.fineTuningRecipe(model, pictures: 16)
    #expect(recipe.batchSize == 8 && recipe.totalSteps == 200 && recipe.imageSize == 8)
    var large = model
    large.encoder = EncoderConfiguration(architecture: .resnet50)
    large.imageSize = 224
    let memory = share.fineTuningRecipe(large, pictures: 10_000)
    #expect(memory.batchSize < 256)
    #expect(memory.trainingByteCount <= ModelEvaluation.FineTuning.memoryByteCount)
  }

  @Test func `networks are fine-tuned and what has no weights is not`() throws {
    var states: [EvaluationProgress] = []
    let report = try evaluation([.fineTuning(100)]) { states.append($0) }.report { 0 }
    let last = try #require(states.last)
    #expect(last.done == last.total)
    for row in report.rows {
      let isNetwork = row.subject == .model || row.subject == .randomNetwork
      #expect(row.accuracies.map(\.protocol) == (isNetwork ? [.fineTuning(100)] : []))
    }
    #expect(report.table[0].contains("fine-tuned, 100 %"))
  }

  @Test func `names of protocols are read and written, and others are refused`() {
    for name in ["knn-1", "knn-10000", "linear", "sgd", "finetune-1", "finetune-100"] {
      #expect(EvaluationProtocol(name: name)?.name == name)
    }
    for name in [
      "", "knn", "knn-0", "knn-020", "knn-10001", "linear-", "sgd-1", "linear-1", "finetune",
      "finetune-0", "finetune-101", "finetune-+1", "finetune-1-1", "-1",
    ] {
      #expect(EvaluationProtocol(name: name) == nil, "\(name)")
    }
  }
}
