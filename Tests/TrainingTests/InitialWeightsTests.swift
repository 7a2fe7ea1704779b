import Checkpoints
import Durability
import Encoders
import Foundation
import Metrics
import NeuralNetworks
import Recipes
import Tensors
import Testing

@testable import Training

/// Runs that begin with given weights.
@Suite(.serialized) struct InitialWeightsTests {
  /// A finished run, and another one that has its encoder to begin with.
  private func pair() throws -> (first: TinyRun, second: TinyRun) {
    let (first, second) = (try TinyRun(), try TinyRun())
    try first.train()
    second.recipe.seed = 1
    try DiskFileSystem().replaceFile(
      "\(second.path)/\(InitialWeights.fileName)", with: DiskFileSystem().read(model(of: first)))
    return (first, second)
  }

  private func model(of run: TinyRun) -> String {
    run.checkpoints.path(step: 10) + "/" + CheckpointFolder.modelFileName
  }

  @Test func `online and target network begin with the given encoder, the heads at random`() throws
  {
    let (first, second) = try pair()
    let weights = try InitialWeights(Safetensors(reading: model(of: first)), for: second.recipe)
    let trainer = try Trainer(
      second.recipe, initial: weights, lowering: second.worker().lowering)
    let given = try EncoderModel(reading: model(of: first)).tensors
    let state = Dictionary(
      uniqueKeysWithValues: trainer.state.tensors.map { ($0.name, $0.values) })
    for tensor in given {
      #expect(state["online.encoder.\(tensor.name)"] == tensor.values)
      #expect(state["target.encoder.\(tensor.name)"] == tensor.values)
    }
    let random = try Trainer(second.recipe, lowering: second.worker().lowering).state
    for tensor in random.tensors where !tensor.name.contains(".encoder.") {
      #expect(state[tensor.name] == tensor.values)
    }
    #expect(random.tensors.contains { state[$0.name] != $0.values })
  }

  @Test func `the given weights are a baseline that a checkpoint has to surpass`() throws {
    let (_, second) = try pair()
    second.recipe.evaluateEvery = 1
    second.recipe.checkpointEverySteps = 5
    let reports = try second.train(updateTime: .seconds(1))
    let beginning = try #require(reports.last { $0.step == 0 && $0.kind == .progress })
    #expect(beginning.best == 0)
    let recall = try #require(beginning.metrics?[RunFigures.viewRecall])
    let best = try #require(second.worker().bestModel.mark)
    #expect(best.value >= recall)
    #expect(best.step > 0 || best.value == recall)
    // With a mark that nothing surpasses the imported weights stay the best model.
    let (_, third) = try pair()
    third.recipe.evaluateEvery = 1
    try third.train(stoppingAfter: 0)
    #expect(third.worker().bestModel.mark?.step == 0)
    let imported = try EncoderModel(reading: third.path + "/best/model.safetensors")
    #expect(imported.provenance["byol.step"] == "0")
  }

  @Test func `weights of another encoder are refused with the tensor and both shapes`() throws {
    let (first, second) = try pair()
    second.recipe.encoder.width = 0.5
    let error = #expect(throws: InitialWeightsError.self) {
      _ = try InitialWeights(Safetensors(reading: model(of: first)), for: second.recipe)
    }
    #expect(error == .shape(tensor: "conv1.weight", found: [16, 3, 3, 3], needed: [32, 3, 3, 3]))
    #expect(throws: InitialWeightsError.self) { try second.train() }
    second.recipe.encoder.width = 0.25
    second.recipe.encoder.architecture = .resnet34
    let missing = #expect(throws: InitialWeightsError.self) { try second.train() }
    guard case .missing(let tensor, _) = missing else {
      Issue.record("\(String(describing: missing))")
      return
    }
    #expect(tensor.hasPrefix("layer1.2."))
  }

  @Test func `names are torchvision's, and a classifier is left out`() throws {
    let (first, second) = try pair()
    var file = try Safetensors(reading: model(of: first))
    file.metadata = ["format": "pt"]
    file.arrays.append(
      CheckpointArray(
        NamedTensor(name: "fc.weight", shape: [2, 128], values: .init(repeating: 0, count: 256))))
    _ = try InitialWeights(file, for: second.recipe)
    let index = try #require(file.arrays.firstIndex { $0.name == "bn1.weight" })
    var tensor = try #require(file.arrays[index].tensor)
    tensor.values[0] = .nan
    file.arrays[index] = CheckpointArray(tensor)
    #expect(throws: InitialWeightsError.notFinite(tensor: "bn1.weight")) {
      _ = try InitialWeights(file, for: second.recipe)
    }
  }
}
