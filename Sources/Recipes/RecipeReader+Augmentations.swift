import Images
import JSONTree

/// The limits of the augmentations' numbers.
enum AugmentationLimits {
  static let probability: ClosedRange<Float> = 0...1
  static let cropArea: ClosedRange<Float> = 0.01...1
  static let cropAspect: ClosedRange<Float> = 0.1...10
  static let colorStrength: ClosedRange<Float> = 0...1
  static let hue: ClosedRange<Float> = 0...0.5
  static let blurSigma: ClosedRange<Float> = 0.01...20
  static let threshold: ClosedRange<Float> = 0...1
  static let mean: ClosedRange<Float> = -10...10
  static let deviation: ClosedRange<Float> = 0.001...10
}

extension FieldReader {
  /// Reads `{first, second, normalization}`; what is left out keeps the paper's value.
  mutating func augmentations(
    _ name: String, _ value: JSONValue, into augmentations: inout Augmentations
  ) {
    nested(name, value, names: ["first", "second", "normalization"]) { reader in
      if let first = reader.given("first") { reader.view("first", first, &augmentations.first) }
      if let second = reader.given("second") {
        reader.view("second", second, &augmentations.second)
      }
      if let normalization = reader.given("normalization") {
        reader.normalization("normalization", normalization, &augmentations.normalization)
      }
    }
  }

  private mutating func nested(
    _ name: String, _ value: JSONValue, names: [String], read: (inout FieldReader) -> Void
  ) {
    let fields = names.joined(separator: ", ")
    guard let members = value.objectValue else {
      return report(name, value, "auto, or an object of the fields \(fields)", .wrongType)
    }
    var reader = FieldReader(object: members, prefix: prefix + name + ".")
    reader.refuseUnknown(knowing: names)
    read(&reader)
    problems += reader.problems
  }

  private mutating func view(_ name: String, _ value: JSONValue, _ view: inout ViewAugmentation) {
    let numbers: [(String, WritableKeyPath<ViewAugmentation, Float>, ClosedRange<Float>)] = [
      ("flip_probability", \.flipProbability, AugmentationLimits.probability),
      ("color_jitter_probability", \.colorJitterProbability, AugmentationLimits.probability),
      ("brightness", \.brightness, AugmentationLimits.colorStrength),
      ("contrast", \.contrast, AugmentationLimits.colorStrength),
      ("saturation", \.saturation, AugmentationLimits.colorStrength),
      ("hue", \.hue, AugmentationLimits.hue),
      ("grayscale_probability", \.grayscaleProbability, AugmentationLimits.probability),
      ("blur_probability", \.blurProbability, AugmentationLimits.probability),
      ("solarize_probability", \.solarizeProbability, AugmentationLimits.probability),
      ("solarize_threshold", \.solarizeThreshold, AugmentationLimits.threshold),
    ]
    let pairs: [(String, WritableKeyPath<ViewAugmentation, [Float]>, ClosedRange<Float>)] = [
      ("crop_area", \.cropArea, AugmentationLimits.cropArea),
      ("crop_aspect", \.cropAspect, AugmentationLimits.cropAspect),
      ("blur_sigma", \.blurSigma, AugmentationLimits.blurSigma),
    ]
    nested(name, value, names: pairs.map(\.0) + numbers.map(\.0)) { reader in
      for (field, path, range) in numbers { reader.float(field, range, &view[keyPath: path]) }
      for (field, path, range) in pairs {
        reader.floats(field, range, count: 2...2, ascending: true, &view[keyPath: path])
      }
    }
  }

  private mutating func normalization(
    _ name: String, _ value: JSONValue, _ normalization: inout Normalization
  ) {
    nested(name, value, names: ["mean", "deviation"]) { reader in
      reader.floats(
        "mean", AugmentationLimits.mean, count: Raster.channelCounts, ascending: false,
        &normalization.mean)
      reader.floats(
        "deviation", AugmentationLimits.deviation, count: Raster.channelCounts, ascending: false,
        &normalization.deviation)
    }
  }

  private mutating func float(_ name: String, _ range: ClosedRange<Float>, _ target: inout Float) {
    guard let value = given(name) else { return }
    let allowed = "a number from \(range.lowerBound) to \(range.upperBound)"
    guard let number = value.doubleValue else { return report(name, value, allowed, .wrongType) }
    guard range.contains(Float(number)) else { return report(name, value, allowed, .outOfRange) }
    target = Float(number)
  }

  private mutating func floats(
    _ name: String, _ range: ClosedRange<Float>, count: ClosedRange<Int>, ascending: Bool,
    _ target: inout [Float]
  ) {
    guard let value = given(name) else { return }
    let order = ascending ? ", the least first" : ""
    let counts =
      count.count == 1 ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
    let allowed =
      "an array of \(counts) numbers from \(range.lowerBound) to \(range.upperBound)\(order)"
    guard let numbers = value.arrayValue?.compactMap({ $0.doubleValue.map { Float($0) } }),
      numbers.count == value.arrayValue?.count
    else { return report(name, value, allowed, .wrongType) }
    let isOrdered = !ascending || numbers == numbers.sorted()
    guard count.contains(numbers.count), numbers.allSatisfy(range.contains), isOrdered else {
      return report(name, value, allowed, .outOfRange)
    }
    target = numbers
  }
}
