import NeuralNetworks
import TensorGraph
import Tensors

/// The encoder of a model with an embedding head, compiled.
///
/// Where the lowering stores less than float32 it is two programs: the first layers in float32, the others in the lowering's
/// precision. What rounding changes there is the same at every position, so that it does not average out in the means of
/// feature maps, and every later layer passes it on; the head's whitening then magnifies it (decision 0041).
struct EncoderProgram {
  /// The convolutions that compute in float32: the first one, and the first block of stage 1 where blocks have two.
  static let preciseConvolutions = 3

  private let parts: [any Program]
  /// What the second part reads of the first.
  private let crossings: [String]
  /// The part that computes each output.
  private let places: [String: Int]

  /// Compiles what was recorded, with its outputs.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if a part does not compile.
  init(
    _ recording: EncoderRecording, lowering: any Lowering, preciseConvolutions: Int
  ) throws {
    let (graph, values) = try recording.folded(head: [])
    let convolutions = graph.nodes.indices.filter {
      if case .convolutionWithBias = graph.nodes[$0].operation { true } else { false }
    }
    guard preciseConvolutions > 0, lowering.precision != .float32 else {
      parts = [try graph.compiled(lowering, values)]
      (crossings, places) = ([], [:])
      return
    }
    precondition(
      preciseConvolutions < convolutions.count,
      "\(preciseConvolutions) of \(convolutions.count) convolutions are no part of the encoder.")
    let split = graph.split(before: convolutions[preciseConvolutions])
    parts = [
      try split.first.compiled(lowering.inFloat32, values),
      try split.second.compiled(lowering, values),
    ]
    crossings = split.crossings
    places = Dictionary(uniqueKeysWithValues: split.second.outputs.map { ($0.name, 1) })
  }

  /// What a run does, in order; nothing if the engine does not show it.
  var steps: [ProgramStep] { parts.flatMap { $0.inspection?.steps ?? [] } }

  /// The memory that it holds, in bytes; 0 where the engine does not tell it.
  var byteCount: Int { parts.reduce(0) { $0 + ($1.inspection?.byteCount ?? 0) } }

  /// Runs on prepared pictures `[N, S, S, C]`. `afterEachStep` is told each step's index in `steps` when it has ended.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the program can be used again.
  func run(_ pictures: [Float], afterEachStep: (Int) -> Void) throws {
    parts[0].write(channelsLast: pictures.span, to: EncoderRecording.picturesName)
    try parts[0].run(afterEachStep: afterEachStep)
    var before = parts[0].inspection?.steps.count ?? 0
    for part in parts.dropFirst() {
      for name in crossings { part.write(name, of: parts[0], to: name) }
      try part.run { afterEachStep(before + $0) }
      before += part.inspection?.steps.count ?? 0
    }
  }

  /// Copies an output of the last run into an input of another program.
  func write(_ output: String, to input: String, of program: any Program) {
    program.write(output, of: parts[places[output] ?? 0], to: input)
  }
}

extension Program {
  /// Runs, and tells each step's index when it has ended where the engine shows its steps.
  func run(afterEachStep: (Int) -> Void) throws {
    if let inspection {
      try inspection.run(afterEachStep: afterEachStep)
    } else {
      try run()
    }
  }
}
