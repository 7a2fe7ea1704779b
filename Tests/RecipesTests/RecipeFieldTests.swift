import Foundation
import Images
import JSONTree
import Methods
import NeuralNetworks
import Recipes
import Testing

private let machine = MachineSize(cores: 2, memoryByteCount: 16 << 30)
private let dataset = DatasetSize(pictures: 20_000, medianShortSide: 64)

private func resolve(_ request: RecipeRequest) throws -> Recipe {
  try request.resolve(dataset: dataset, machine: machine).recipe
}

/// A member of nested objects by its dotted path.
private func nested(_ path: String, _ value: JSONValue) -> JSONObject {
  let names = path.split(separator: ".").map(String.init)
  let innermost = names.dropFirst().reversed().reduce(value) { .object([$1: $0]) }
  return [names[0]: innermost]
}

extension RecipeField {
  /// Values that the field must refuse.
  fileprivate var refused: [JSONValue] {
    switch kind {
    case .choice: return ["no such word", 1]
    case .integer, .number: return outside + ["ten", true, [1]]
    case .numbers(let count, _):
      let one = limits?.least ?? 0
      return outside.map { .array(Array(repeating: $0, count: count.lowerBound)) }
        + [.array(Array(repeating: one, count: count.upperBound + 1)), [], "1", 1, [true]]
    }
  }

  /// Numbers below the least and above the greatest.
  private var outside: [JSONValue] {
    guard let least = limits?.least.doubleValue, let greatest = limits?.greatest.doubleValue
    else { return [] }
    return [.number(least - max(1, abs(least))), .number(greatest * 2 + 1), .number(1e300)]
  }

  /// Values at the ends of what the field takes.
  fileprivate var accepted: [JSONValue] {
    let ends = [limits?.least, limits?.greatest].compactMap { $0 }
    switch kind {
    case .choice(let words): return words.map(JSONValue.string)
    case .integer, .number: return ends
    case .numbers(let count, _):
      return ends.map { .array(Array(repeating: $0, count: count.lowerBound)) }
    }
  }
}

@Suite struct `Recipe fields` {
  @Test(arguments: RecipeField.all)
  func `a value outside the limits is refused in a request, by its name`(field: RecipeField) throws
  {
    #expect(!field.refused.isEmpty)
    for value in field.refused {
      let error = #expect(throws: RecipeProblems.self, "\(value)") {
        try RecipeRequest(reading: nested(field.name, value))
      }
      #expect(error?.problems.map(\.field) == [field.name])
      #expect(error?.problems.first?.allowed == field.allowed)
    }
  }

  @Test(arguments: RecipeField.all)
  func `what a request says without a reader is refused by resolving it`(field: RecipeField) throws
  {
    for value in field.refused {
      var request = RecipeRequest()
      request[field.name] = value
      let error = #expect(throws: RecipeProblems.self) { try resolve(request) }
      #expect(error?.problems.map(\.field) == [field.name])
      #expect(throws: RecipeProblems.self) {
        try request.viewSettings(dataset: dataset, machine: machine)
      }
    }
  }

  @Test(arguments: RecipeField.all)
  func `both ends of the limits are read, and read back`(field: RecipeField) throws {
    for value in field.accepted {
      let request = try RecipeRequest(reading: nested(field.name, value))
      #expect(request[field.name] == value)
    }
  }

  /// The same values as text on a command line.
  @Test(arguments: RecipeField.all)
  func `every field has a flag that reads the same request`(field: RecipeField) throws {
    let usual = try resolve(RecipeRequest())
    for value in field.accepted {
      let text =
        value.arrayValue.map { $0.map(\.description).joined(separator: ",") }
        ?? value.stringValue ?? value.description
      var expected = RecipeRequest()
      expected[field.name] = value
      for words in [[field.flag, text], ["\(field.flag)=\(text)"]] {
        let request = try RecipeRequest(flags: words)
        #expect(
          request.contradictions(to: usual).map(\.field.name)
            == expected.contradictions(to: usual).map(\.field.name))
        try request.checkValues()
      }
      #expect(try RecipeRequest(flags: [field.flag, "auto"]).isEmpty)
    }
  }

  @Test(arguments: ["nan", "inf", "-inf", "9223372036854775808", "1e400", "", "0x", "ten"])
  func `a flag's text that is no number within the limits is refused`(text: String) throws {
    for field in RecipeField.all where field.name != "seed" || text != "9223372036854775808" {
      if case .choice = field.kind { continue }
      let request = try RecipeRequest(flags: [field.flag, text])
      let error = #expect(throws: RecipeProblems.self) { try request.checkValues() }
      #expect(error?.problems.map(\.field) == [field.name])
    }
  }

  @Test(
    arguments: [
      (["--bathc-size", "3"], "There is no flag --bathc-size; --batch-size is the nearest."),
      (["--zebra", "3"], "There is no flag --zebra; --help lists them."),
      (["stray"], "“stray” belongs to no flag."),
      (["--epochs", "3", "--epochs=4"], "--epochs is given twice."),
      (
        ["--epochs"],
        "--epochs lacks its value; allowed: auto, or a whole number from 1 to 100000 epochs."
      ),
      (["--hidden", "64", "--projector-hidden", "64"], "--projector-hidden is given twice."),
    ] as [([String], String)])
  func `words that are no flags are refused in a sentence`(words: [String], sentence: String) {
    let error = #expect(throws: RecipeFlagError.self) { try RecipeRequest(flags: words) }
    #expect(error?.description == sentence)
  }

  @Test func `one flag sets both heads`() throws {
    let request = try RecipeRequest(flags: ["--hidden=64"])
    #expect(request[\.projectorHidden] == 64 && request[\.predictorHidden] == 64)
  }

  @Test func `a misspelt member is told the nearest name, and many are counted`() throws {
    let one = #expect(throws: RecipeProblems.self) {
      try RecipeRequest(reading: ["augmentations": ["first": ["hues": 0.1]]])
    }
    #expect(one?.problems.first?.allowed.hasPrefix("hue, if that was meant, or one of") == true)
    var members = JSONObject()
    for number in 0..<1000 { members["unknown \(number)"] = 1 }
    let many = #expect(throws: RecipeProblems.self) { try RecipeRequest(reading: members) }
    #expect(many?.problems.count == RecipeLimits.listedUnknownFields + 1)
    #expect(many?.problems.last?.allowed.contains("980 members") == true)
  }

  @Test func `what contradicts a recipe is named, and what repeats it is not`() throws {
    let recipe = try resolve(RecipeRequest(reading: ["epochs": 10, "width": 0.5]))
    let same = try RecipeRequest(flags: [
      "--epochs", "10", "--width=0.5", "--augmentations.first.hue", "0.02",
    ])
    #expect(same.contradictions(to: recipe).isEmpty)
    let other = try RecipeRequest(flags: ["--epochs", "11", "--width=0.5", "--seed", "1"])
    #expect(other.contradictions(to: recipe).map(\.field.name) == ["seed", "epochs"])
  }

  @Test func `the speed of an update depends on the fields that say so, and on no others`() throws {
    for field in RecipeField.all {
      let usual = try resolve(RecipeRequest())
      var shapes: Set<Recipe> = []
      for value in field.accepted {
        var request = RecipeRequest()
        request[field.name] = value
        // Preset and ends that contradict the dataset change other fields; a field is looked at alone.
        let changed = (try? resolve(request)).map { field.value(in: $0) } ?? value
        shapes.insert(try usual.replacing(field, by: changed).updateShape)
      }
      #expect((shapes.count > 1) == field.description.decidesSpeed, "\(field.name)")
    }
  }
}

extension Recipe {
  /// The stored recipe with another value of one field.
  fileprivate func replacing(_ field: RecipeField, by value: JSONValue) throws -> Recipe {
    let path =
      ["architecture", "width", "stem"].contains(field.name) ? "encoder.\(field.name)" : field.name
    let tree = try JSONCoding.tree(self).replacing(path.split(separator: ".")[...], by: value)
    return try JSONCoding.decode(Recipe.self, from: tree.encoded)
  }
}

extension JSONValue {
  fileprivate func replacing(_ path: ArraySlice<Substring>, by value: JSONValue) -> JSONValue {
    guard let name = path.first, var object = objectValue else { return value }
    object[String(name)] = (object[String(name)] ?? .null).replacing(path.dropFirst(), by: value)
    return .object(object)
  }
}

@Suite struct `Stored recipes` {
  /// `recipe.json` as the version before the table of fields wrote it.
  private static let earlier = """
    {"augmentations":{"first":{"blur_probability":1,"blur_sigma":[0.1,2],"brightness":0.4,\
    "color_jitter_probability":0.8,"contrast":0.4,"crop_area":[0.08,1],"crop_aspect":[0.75,1.3333334],\
    "flip_probability":0.5,"grayscale_probability":0.2,"hue":0.1,"saturation":0.2,"solarize_probability":0,\
    "solarize_threshold":0.5},"normalization":{"deviation":[0.229,0.224,0.225],"mean":[0.485,0.456,0.406]},\
    "second":{"blur_probability":0.1,"blur_sigma":[0.1,2],"brightness":0.4,"color_jitter_probability":0.8,\
    "contrast":0.4,"crop_area":[0.08,1],"crop_aspect":[0.75,1.3333334],"flip_probability":0.5,\
    "grayscale_probability":0.2,"hue":0.1,"saturation":0.2,"solarize_probability":0.2,"solarize_threshold":0.5}},\
    "base_learning_rate":2,"base_tau":0.99,"batch_size":256,"checkpoint_every_seconds":120,\
    "checkpoint_every_steps":0,"encoder":{"architecture":"resnet18","stem":"imagenet","width":1},"epochs":100,\
    "format_version":1,"image_size":64,"memory":"full","momentum":0.9,"optimizer":"lars","pictures":20000,\
    "precision":"float32","predictor_hidden":4096,"preset":"small","projector_hidden":4096,\
    "projector_output":256,"seed":0,"tau_schedule":"cosine","trust_coefficient":0.001,"warmup_epochs":10,\
    "weight_decay":1e-06}
    """

  @Test func `a recipe of an earlier version means what it meant`() throws {
    let recipe = try Recipe(decoding: Array(Self.earlier.utf8))
    #expect(recipe.method.rawValue == "byol" && recipe.localViews == 0 && recipe.updates == 0)
    #expect(recipe.embeddingSize == recipe.imageSize && recipe.rateSchedule == .cosine)
    #expect(recipe.totalSteps == 7800 && recipe.learningRate(step: 780) == 2)
    #expect(recipe.augmentations.first == .paperFirst)
    // Every member that it had is written as it was.
    let written = try #require(try JSONValue(parsing: recipe.encoded).objectValue)
    let earlier = try #require(try JSONValue(parsing: Self.earlier).objectValue)
    for name in earlier.names where name != "augmentations" {
      #expect(written[name] == earlier[name])
    }
    #expect(try Recipe(decoding: recipe.encoded) == recipe)
  }

  @Test func `a field that came later may be missing, one of the first version may not`() throws {
    let withoutMemory = Self.earlier.replacing("\"memory\":\"full\",", with: "")
    #expect(try Recipe(decoding: Array(withoutMemory.utf8)).memory == .full)
    for part in ["\"epochs\":100,", "\"pictures\":20000,", "\"hue\":0.1,"] {
      #expect(throws: RecipeFileError.self) {
        try Recipe(decoding: Array(Self.earlier.replacing(part, with: "").utf8))
      }
    }
  }

  @Test(
    arguments: [
      ("\"batch_size\":256", "\"batch_size\":0", "batch_size"),
      ("\"width\":1", "\"width\":99", "width"),
      ("\"image_size\":64", "\"image_size\":7", "image_size"),
      ("\"epochs\":100,", "\"epochs\":9223372036854775807,", "epochs"),
      ("\"momentum\":0.9", "\"momentum\":-1", "momentum"),
      ("\"pictures\":20000", "\"pictures\":-1", "pictures"),
      ("\"image_size\":64", "\"image_size\":16", "image_size"),
      ("\"warmup_epochs\":10", "\"warmup_epochs\":101", "warmup_epochs"),
      ("\"deviation\":[0.229,", "\"deviation\":[", "augmentations.normalization.deviation"),
      ("\"pictures\":20000", "\"pictures\":9223372036854775807", "pictures"),
    ])
  func `a file that was changed is held to the same limits`(
    text: String, changed: String, field: String
  ) throws {
    let bytes = Array(Self.earlier.replacing(text, with: changed).utf8)
    let error = #expect(throws: RecipeFileError.self) { try Recipe(decoding: bytes) }
    guard case .outsideLimits(let problems) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problems.map(\.field) == [field])
  }

  @Test func `what is no recipe is told in a sentence`() {
    let cases = [
      ("{}", "This is not a recipe: formatVersion is missing."),
      ("no", "This is not a recipe: it is not JSON."),
      (
        Self.earlier.replacing("\"width\":1", with: "\"width\":\"x\""),
        "This is not a recipe: encoder.width has a value of another kind."
      ),
    ]
    for (text, sentence) in cases {
      let error = #expect(throws: RecipeFileError.self) { try Recipe(decoding: Array(text.utf8)) }
      #expect(error?.description == sentence)
    }
  }

  @Test func `a recipe outside the limits can be looked at without a trap`() throws {
    let text = Self.earlier.replacing("\"batch_size\":256", with: "\"batch_size\":0")
    let recipe = try JSONCoding.decode(Recipe.self, from: Array(text.utf8))
    #expect(recipe.stepsPerEpoch == 0 && recipe.totalSteps == 0 && recipe.epoch(step: 5) == 0)
  }
}

/// The parts of documents that are written from the table. `BYOL_WRITE_DOCUMENTS=1` writes them.
@Suite struct `Documents of recipe fields` {
  @Test(arguments: RecipeDocuments.all)
  func `the document says what the table says`(document: RecipeDocuments.Document) throws {
    let text = try document.text()
    let right = try document.rewritten(text)
    if ProcessInfo.processInfo.environment["BYOL_WRITE_DOCUMENTS"] == "1", text != right {
      try document.write(right)
    }
    #expect(
      text == right, "Run the tests once with BYOL_WRITE_DOCUMENTS=1 and look at what it wrote.")
  }

  @Test(arguments: RecipeDocuments.all)
  func `another limit in the document is found`(document: RecipeDocuments.Document) throws {
    let changed = try document.text().replacing("100,000 epochs", with: "99,999 epochs")
      .replacing("maximum: 100000", with: "maximum: 99999")
    #expect(try document.rewritten(changed) != changed)
  }
}
