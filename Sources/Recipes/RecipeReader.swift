import Images
public import JSONTree
import NeuralNetworks
import TensorGraph

extension RecipeRequest {
  /// The fields of a request, in the order of its documentation.
  public static let fieldNames = [
    "preset", "seed", "architecture", "width", "stem", "image_size", "projector_hidden",
    "projector_output", "predictor_hidden", "batch_size", "epochs", "optimizer",
    "base_learning_rate", "weight_decay", "momentum", "trust_coefficient", "warmup_epochs",
    "base_tau", "tau_schedule", "augmentations", "checkpoint_every_steps",
    "checkpoint_every_seconds", "precision", "memory",
  ]

  /// Reads a request from the members of a JSON object.
  ///
  /// `null`, `"auto"` and absent mean the same. Every member must be known: a misspelt name is a
  /// problem, never ignored.
  ///
  /// - Parameters:
  ///   - object: The members.
  ///   - others: Names that belong to somebody else, such as `dataset`; they are skipped.
  /// - Throws: `RecipeProblems` with every problem of every field.
  public init(reading object: JSONObject, besides others: Set<String> = [])
    throws(RecipeProblems)
  {
    self.init()
    var reader = FieldReader(object: object, prefix: "")
    reader.refuseUnknown(knowing: RecipeRequest.fieldNames, besides: others)
    readEncoder(&reader)
    readOptimization(&reader)
    readRest(&reader)
    guard reader.problems.isEmpty else { throw RecipeProblems(problems: reader.problems) }
  }

  private mutating func readEncoder(_ reader: inout FieldReader) {
    reader.choice("preset", into: &preset)
    reader.choice("architecture", into: &architecture)
    reader.number("width", into: &width, in: EncoderConfiguration.widths)
    reader.choice("stem", into: &stem)
    reader.integer("image_size", into: &imageSize, in: RecipeLimits.imageSize)
    reader.integer("projector_hidden", into: &projectorHidden, in: RecipeLimits.headWidth)
    reader.integer("projector_output", into: &projectorOutput, in: RecipeLimits.headWidth)
    reader.integer("predictor_hidden", into: &predictorHidden, in: RecipeLimits.headWidth)
  }

  private mutating func readOptimization(_ reader: inout FieldReader) {
    reader.integer("batch_size", into: &batchSize, in: RecipeLimits.batchSize)
    reader.integer("epochs", into: &epochs, in: RecipeLimits.epochs)
    reader.choice("optimizer", into: &optimizer)
    reader.number(
      "base_learning_rate", into: &baseLearningRate, in: RecipeLimits.baseLearningRate)
    reader.number("weight_decay", into: &weightDecay, in: RecipeLimits.weightDecay)
    reader.number("momentum", into: &momentum, in: RecipeLimits.momentum)
    reader.number(
      "trust_coefficient", into: &trustCoefficient, in: RecipeLimits.trustCoefficient)
    reader.number("warmup_epochs", into: &warmupEpochs, in: RecipeLimits.warmupEpochs)
    reader.number("base_tau", into: &baseTau, in: RecipeLimits.baseTau)
    reader.choice("tau_schedule", into: &tauSchedule)
  }

  private mutating func readRest(_ reader: inout FieldReader) {
    var wholeSeed: Setting<Int> = .auto
    reader.integer(
      "seed", into: &wholeSeed,
      in: Int(RecipeLimits.seed.lowerBound)...Int(RecipeLimits.seed.upperBound))
    if let given = wholeSeed.given { seed = .value(UInt64(given)) }
    reader.integer(
      "checkpoint_every_steps", into: &checkpointEverySteps,
      in: RecipeLimits.checkpointEverySteps)
    reader.number(
      "checkpoint_every_seconds", into: &checkpointEverySeconds,
      in: RecipeLimits.checkpointEverySeconds)
    reader.choice("precision", into: &precision)
    reader.choice("memory", into: &memory)
    if let value = reader.given("augmentations") {
      var read = Augmentations()
      reader.augmentations("augmentations", value, into: &read)
      augmentations = .value(read)
    }
  }
}

/// Takes typed fields out of a JSON object and gathers what is wrong with them.
struct FieldReader {
  let object: JSONObject
  let prefix: String
  var problems: [FieldProblem] = []

  init(object: JSONObject, prefix: String) {
    self.object = object
    self.prefix = prefix
  }

  mutating func report(
    _ name: String, _ value: JSONValue, _ allowed: String, _ code: FieldProblem.Code
  ) {
    problems.append(FieldProblem(field: prefix + name, value: value, allowed: allowed, code: code))
  }

  /// Reports members that nobody knows.
  mutating func refuseUnknown(knowing names: [String], besides others: Set<String> = []) {
    for member in object.members where !names.contains(member.name) && !others.contains(member.name)
    {
      let allowed = (others.sorted() + names).joined(separator: ", ")
      report(member.name, member.value, "one of the fields " + allowed, .unknownField)
    }
  }

  /// The member's value, unless it is absent, `null` or `"auto"`.
  func given(_ name: String) -> JSONValue? {
    guard let value = object[name], value != .null, value != .string("auto") else { return nil }
    return value
  }

  mutating func choice<Value>(_ name: String, into setting: inout Setting<Value>)
  where Value: CaseIterable & RawRepresentable<String> {
    guard let value = given(name) else { return }
    let allowed = "auto, " + Value.allCases.map(\.rawValue).joined(separator: ", ")
    guard let text = value.stringValue else { return report(name, value, allowed, .wrongType) }
    guard let choice = Value(rawValue: text) else {
      return report(name, value, allowed, .unknownValue)
    }
    setting = .value(choice)
  }

  mutating func integer(
    _ name: String, into setting: inout Setting<Int>, in range: ClosedRange<Int>
  ) {
    guard let value = given(name) else { return }
    let allowed = "auto, or a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard value.doubleValue != nil else { return report(name, value, allowed, .wrongType) }
    guard let number = value.integerValue.flatMap({ Int(exactly: $0) }), range.contains(number)
    else { return report(name, value, allowed, .outOfRange) }
    setting = .value(number)
  }

  mutating func number(
    _ name: String, into setting: inout Setting<Double>, in range: ClosedRange<Double>
  ) {
    guard let value = given(name) else { return }
    let allowed = "auto, or a number from \(range.lowerBound) to \(range.upperBound)"
    guard let number = value.doubleValue else { return report(name, value, allowed, .wrongType) }
    guard range.contains(number) else { return report(name, value, allowed, .outOfRange) }
    setting = .value(number)
  }
}
