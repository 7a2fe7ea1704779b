import Images
import JSONTree

extension RecipeField {
  /// The fields of the views' distributions, and of the normalisation.
  static let augmentations: [RecipeField] =
    view("first", "first", \.augmentations.first, .paperFirst) { $0.first }
    + view("second", "second", \.augmentations.second, .paperSecond) { $0.second }
    + view("local", "local", \.augmentations.local, .local, isNew: true) { _ in .local }
    + normalization + [startingStrength]

  private static let startingStrength = number(
    "starting_strength", \.startingStrength, 0...1,
    Description(
      label: "Strength at the beginning",
      sentence:
        "How strong the changes of the views are in the first update, as a share; they grow in a straight line to their full "
        + "strength in the last one. Flips and turns are left as they are.",
      automatic: "1: they are the same throughout"),
    whereAbsent: 1, choose: { _, _ in 1 })

  /// The fields of one view; `paper` has their defaults.
  private static func view(
    _ name: String, _ ordinal: String,
    _ view: SendablePath<Recipe, ViewAugmentation>, _ paper: ViewAugmentation, isNew: Bool = false,
    ofPreset: @escaping @Sendable (PresetValues) -> ViewAugmentation
  ) -> [RecipeField] {
    let fields = ViewFields(
      prefix: "augmentations.\(name).", ordinal: ordinal, view, paper, isNew: isNew,
      ofPreset: ofPreset)
    return [
      fields.pair(
        "crop_area", \.cropArea, 0.01...1,
        "The least and the greatest area of the crop, as shares of the picture's."),
      fields.pair(
        "crop_aspect", \.cropAspect, 0.1...10,
        "The least and the greatest ratio of the crop's width to its height."),
      fields.number(
        "flip_probability", \.flipProbability, 0...1, "Probability of a horizontal flip."),
      fields.number(
        "color_jitter_probability", \.colorJitterProbability, 0...1,
        "Probability that brightness, contrast, saturation and hue are changed."),
      fields.number(
        "brightness", \.brightness, 0...1, "Brightness: adds a value uniform in ± this."),
      fields.number("contrast", \.contrast, 0...1, "Contrast: a factor uniform in 1 ± this."),
      fields.number("saturation", \.saturation, 0...1, "Saturation: a factor uniform in 1 ± this."),
      fields.number("hue", \.hue, 0...0.5, "Hue: a turn uniform in ± this, in whole turns."),
      fields.number(
        "grayscale_probability", \.grayscaleProbability, 0...1, "Probability of conversion to gray."
      ),
      fields.number(
        "blur_probability", \.blurProbability, 0...1, "Probability of a Gaussian blur."),
      fields.pair(
        "blur_sigma", \.blurSigma, 0.01...20,
        "The least and the greatest standard deviation of the blur, in pixels."),
      fields.number(
        "solarize_probability", \.solarizeProbability, 0...1,
        "Probability of inverting every value from the threshold on."),
      fields.number(
        "solarize_threshold", \.solarizeThreshold, 0...1, "The threshold of solarization."),
      fields.number(
        "vertical_flip_probability", \.verticalFlipProbability, 0...1,
        "Probability of a flip top to bottom, for pictures without an upright: 0.5 with small where they have none.",
        isNew: true),
      fields.number(
        "quarter_turn_probability", \.quarterTurnProbability, 0...1,
        "Probability of a turn by 90 degrees either way, for pictures without an upright: 0.5 with small where they "
          + "have none.", isNew: true),
    ]
  }

  private static let normalization: [RecipeField] = [
    channels(
      "mean", \.mean, -10...10, "Subtracted from each channel of values in 0 … 1.",
      automatic:
        "the pictures' own with small, else ImageNet's for three channels and 0.5 for others"
    ) { $0.mean },
    channels(
      "deviation", \.deviation, 0.001...10, "Divides each channel after the mean is subtracted.",
      automatic:
        "the pictures' own with small, else ImageNet's for three channels and 0.25 for others"
    ) { $0.deviation },
  ]

  private static func channels(
    _ name: String, _ path: SendablePath<Normalization, [Float]>,
    _ range: ClosedRange<Float>, _ sentence: String, automatic: String,
    choose: @escaping @Sendable (Normalization) -> [Float]
  ) -> RecipeField {
    part(
      "augmentations.normalization.\(name)", \.augmentations.normalization, path,
      .numbers(count: Raster.channelCounts, isAscending: false), limits(range),
      Description(
        label: "Normalisation: \(name)", sentence: sentence, automatic: automatic,
        decidesSpeed: true),
      isAllowed: { numbers in
        Raster.channelCounts.contains(numbers.count) && numbers.allSatisfy(range.contains)
      },
      choose: { recipe, situation in
        let measured = recipe.preset == .small ? situation.dataset.normalization : nil
        return choose(measured ?? Normalization(channels: situation.dataset.channels))
      })
  }
}

/// Makes the fields of one view.
private struct ViewFields {
  let prefix: String
  let ordinal: String
  let view: SendablePath<Recipe, ViewAugmentation>
  let paper: ViewAugmentation
  /// Whether stored recipes of earlier versions may lack all of the fields.
  let isNew: Bool
  /// What the preset says of the view.
  let ofPreset: @Sendable (PresetValues) -> ViewAugmentation

  init(
    prefix: String, ordinal: String,
    _ view: SendablePath<Recipe, ViewAugmentation>, _ paper: ViewAugmentation, isNew: Bool,
    ofPreset: @escaping @Sendable (PresetValues) -> ViewAugmentation
  ) {
    self.ofPreset = ofPreset
    self.isNew = isNew
    self.prefix = prefix
    self.ordinal = ordinal
    self.view = view
    self.paper = paper
  }

  func number(
    _ name: String, _ path: SendablePath<ViewAugmentation, Float>,
    _ range: ClosedRange<Float>, _ sentence: String, isNew: Bool = false
  ) -> RecipeField {
    field(name, path, .number, range, sentence, isNew: isNew) { range.contains($0) }
  }

  /// Two numbers, the least first.
  func pair(
    _ name: String, _ path: SendablePath<ViewAugmentation, [Float]>,
    _ range: ClosedRange<Float>, _ sentence: String
  ) -> RecipeField {
    field(name, path, .numbers(count: 2...2, isAscending: true), range, sentence) { numbers in
      numbers.count == 2 && numbers.allSatisfy(range.contains) && numbers[0] <= numbers[1]
    }
  }

  /// The paper's value, and that of the preset `small` where it differs.
  private func automatic<Value: RecipeValue>(
    _ path: SendablePath<ViewAugmentation, Value>
  ) -> String {
    let (usual, mild) = (
      paper[keyPath: path], ofPreset(RecipePreset.small.values)[keyPath: path]
    )
    return "the paper's: \(usual.json)" + (mild == usual ? "" : "; with small, \(mild.json)")
  }

  private func field<Value: RecipeValue>(
    _ name: String, _ path: SendablePath<ViewAugmentation, Value>,
    _ kind: RecipeField.Kind, _ range: ClosedRange<Float>, _ sentence: String, isNew: Bool = false,
    isAllowed: @escaping @Sendable (Value) -> Bool
  ) -> RecipeField {
    let usual = paper[keyPath: path]
    let words = name.replacing("_", with: " ")
    return RecipeField.part(
      prefix + name, view, path, kind, RecipeField.limits(range),
      RecipeField.Description(
        label: "The \(ordinal) view's \(words)", sentence: sentence,
        automatic: automatic(path), decidesSpeed: true),
      whereAbsent: isNew || self.isNew ? usual : nil, isAllowed: isAllowed,
      choose: { [ofPreset] recipe, situation in
        var view = ofPreset(situation.preset(recipe))
        // Views of pictures without an upright may be turned, where the recipe is not the paper's.
        if recipe.preset == .small, situation.dataset.hasUpright == false {
          (view.verticalFlipProbability, view.quarterTurnProbability) = (0.5, 0.5)
        }
        return view[keyPath: path]
      })
  }
}
