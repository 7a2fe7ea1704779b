import Foundation
import NeuralNetworks
import Tensors

/// What PyTorch computes for the BYOL update: `Fixtures/parity.json` and its data files, written by
/// `Fixtures/make_parity.py`.
struct ParityFixture: Decodable {
  var format: Int
  /// The number of sums a larger tensor is stored as.
  var buckets: Int
  /// The number of samples a larger tensor is stored with.
  var samples: Int
  var cases: [ParityCase]

  /// The folder with the index and the data.
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// Reads an index and its data files.
  static func load(_ name: String = "parity.json") throws -> ParityFixture {
    let index = try Data(contentsOf: folder.appending(path: name))
    var fixture = try JSONDecoder().decode(ParityFixture.self, from: index)
    guard fixture.format == 1, fixture.buckets == 64, fixture.samples == 16 else {
      throw ParityError.unknownFormat
    }
    for i in fixture.cases.indices { try fixture.cases[i].readData(in: folder) }
    return fixture
  }

  /// The case called `name`.
  subscript(name: String) -> ParityCase {
    get throws {
      guard let found = cases.first(where: { $0.name == name }) else {
        throw ParityError.missing(name)
      }
      return found
    }
  }
}

enum ParityError: Error, Equatable {
  case unknownFormat
  case missing(String)
  case wrongCount(String, expected: Int, found: Int)
}

/// A parameter or statistic that follows the formula.
struct ParityParameter: Decodable {
  enum Kind: String, Decodable { case uniform, signed }
  var name: String
  var shape: [Int]
  var kind: Kind
  var center: Double
  var scale: Double
}

/// An expected tensor: whole, or as sums and samples; offsets are float32 words in the data file.
struct ParityTensor: Decodable {
  var name: String
  var shape: [Int]
  /// The Euclidean norm.
  var norm: Double
  /// What errors are relative to; the norm when absent.
  var scale: Double?
  var values: Int?
  var sums: Int?
  var samples: Int?
  /// The relative error of PyTorch itself in float32.
  var float32: Double

  var elementCount: Int { shape.reduce(1, *) }
  var errorScale: Double { scale ?? norm }
}

/// Ten updates with one optimizer. Gradients as in `reference`: learning rate and tau are given for
/// each step; weight decay and adaptation skip tensors of one axis.
struct ParityRun: Decodable {
  enum Optimizer: String, Decodable { case lars, sgd, adamw }
  var optimizer: Optimizer
  var weightDecay: Double
  var momentum: Double
  /// The trust coefficient of LARS; 0 for SGD.
  var trustCoefficient: Double
  var learningRates: [Double]
  var taus: [Double]
  /// The loss before each update.
  var losses: [Double]
  /// The mean cosine of both directions before each update.
  var cosines: [[Double]]
  /// All parameters and running statistics of both networks after the last update.
  var state: [ParityTensor]
  /// For each wrong update, the largest relative difference that it makes in `state`.
  var controls: [String: Double]?
}

/// One network and batch.
struct ParityCase: Decodable {
  var name: String
  var architecture: EncoderConfiguration.Architecture
  var width: Double
  var stem: EncoderConfiguration.Stem
  /// Pixels on a side.
  var side: Int
  var batch: Int
  /// The prefix of the pictures' names.
  var pictures: String
  /// The hidden size of projector and predictor.
  var hidden: Int
  /// The size of projections and predictions.
  var output: Int
  /// Every parameter and running statistic of both networks at the start.
  var parameters: [ParityParameter]
  /// Other running statistics of the online encoder, for `inferenceRepresentation`.
  var inferenceStatistics: [ParityParameter]
  /// Tensors of the formula itself, to check it by.
  var formula: [ParityTensor]?
  /// The representation of view 1 of step 0 with the running statistics `inferenceStatistics`.
  var inferenceRepresentation: ParityTensor
  /// The representation of view 1 of step 0 with the batch's statistics.
  var trainingRepresentation: ParityTensor
  /// The loss of step 0, 0 ... 8.
  var loss: Double
  /// The mean cosine of q(view 1) with z'(view 2), and of q(view 2) with z'(view 1).
  var cosines: [Double]
  /// The gradient of `loss` for every parameter of the online network.
  var gradients: [ParityTensor]
  var runs: [ParityRun]
  /// The data file's name.
  var data: String
  var sha256: String
  private var words: [Float] = []

  private enum CodingKeys: String, CodingKey {
    case name, architecture, width, stem, side, batch, pictures, hidden, output, parameters
    case inferenceStatistics, formula, inferenceRepresentation, trainingRepresentation, loss
    case cosines, gradients, runs, data, sha256
  }
}

extension ParityCase {
  /// The encoder's configuration.
  var encoder: EncoderConfiguration {
    EncoderConfiguration(architecture: architecture, width: width, stem: stem)
  }

  /// Every parameter and running statistic of both networks before the first update.
  func initialTensors() -> [NamedTensor] { parameters.map(ParityFormula.values) }

  /// The running statistics of the online encoder that `inferenceRepresentation` uses.
  func inferenceTensors() -> [NamedTensor] { inferenceStatistics.map(ParityFormula.values) }

  /// View 1 or 2 of a step, `[batch, 3, side, side]`.
  func view(_ number: Int, step: Int, side: Int? = nil) -> NamedTensor {
    ParityFormula.pictures(
      named: "\(pictures)step.\(step).view.\(number)", batch: batch, side: side ?? self.side)
  }

  /// The run with the given optimizer.
  func run(_ optimizer: ParityRun.Optimizer) throws -> ParityRun {
    guard let found = runs.first(where: { $0.optimizer == optimizer }) else {
      throw ParityError.missing("\(name) with \(optimizer.rawValue)")
    }
    return found
  }

  fileprivate mutating func readData(in folder: URL) throws {
    let bytes = try Data(contentsOf: folder.appending(path: data))
    words = unsafe bytes.withUnsafeBytes { raw in
      (0..<raw.count / 4).map { i in
        let bits = unsafe raw.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
  }
}

// MARK: - Comparison

extension ParityCase {
  /// The relative error of `values` (row-major, in the tensor's public layout): the norm of the
  /// difference over the tensor's error scale. For a tensor stored as sums it is an estimate
  /// (deviation about 12 %), or the error of the samples if that is larger. NaN counts as infinite.
  func relativeError(of values: [Float], to expected: ParityTensor) throws -> Double {
    guard values.count == expected.elementCount else {
      throw ParityError.wrongCount(
        expected.name, expected: expected.elementCount, found: values.count)
    }
    let error = unscaledError(of: values, to: expected) / expected.errorScale
    return error.isNaN ? .infinity : error
  }

  /// The largest relative error of `tensors`, which must hold each of `expected`; others are ignored.
  func worstError(of tensors: [NamedTensor], to expected: [ParityTensor]) throws -> (
    name: String, error: Double
  ) {
    let byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var worst = (name: "", error: -1.0)
    for tensor in expected {
      guard let found = byName[tensor.name] else { throw ParityError.missing(tensor.name) }
      let error = try relativeError(of: found.values, to: tensor)
      if error > worst.error { worst = (tensor.name, error) }
    }
    return worst
  }

  /// The stored values of a tensor that is small enough to be stored whole.
  func storedValues(of tensor: ParityTensor) -> [Float]? {
    tensor.values.map { Array(words[$0..<$0 + tensor.elementCount]) }
  }

  private func unscaledError(of values: [Float], to expected: ParityTensor) -> Double {
    if let stored = storedValues(of: expected) { return distance(values.map(Double.init), stored) }
    guard let sums = expected.sums, let samples = expected.samples else { return .infinity }
    let found = (0..<16).map { Double(values[$0 * values.count / 16]) }
    return max(
      distance(Self.sums(of: values), Array(words[sums..<sums + 64])),
      distance(found, Array(words[samples..<samples + 16])))
  }

  private func distance(_ a: [Double], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }.squareRoot()
  }

  /// The table of 64 signed sums that stands for a larger tensor.
  static func sums(of values: [Float]) -> [Double] {
    let key = ParityFormula.key("sketch")
    var sums = [Double](repeating: 0, count: 64)
    unsafe values.withUnsafeBufferPointer { values in
      var i = 0
      while i < values.count {
        let word = ParityFormula.word(key, i)
        let value = unsafe Double(values[i])
        sums[Int(truncatingIfNeeded: word &>> 58)] += word & 1 == 1 ? -value : value
        i &+= 1
      }
    }
    return sums
  }
}
