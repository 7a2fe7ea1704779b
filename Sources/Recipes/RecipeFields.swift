import JSONTree
import Methods
import NeuralNetworks

// To add a field: a stored property in `Recipe`, and a line here.
extension RecipeField {
  /// Every field that can be asked for, each after those that its default depends on.
  public static let all: [RecipeField] =
    [preset, seed, method, minutes] + encoder + sides + heads + computation + separation + [
      optimizer
    ]
    + length + optimization + target + augmentations + checkpoints

  private static let preset = choice(
    "preset", \.preset,
    Description(
      label: "Preset", sentence: "A set of values for what is left open.", automatic: "small"),
    choose: { _, _ in .small })

  private static let seed = number(
    "seed", \.seed, 0...(1 << 53 - 1),
    Description(
      label: "Seed", sentence: "The seed of every random number: the same seed gives the same run.",
      automatic: "0"),
    choose: { _, _ in 0 })

  private static let method = choice(
    "method", \.method,
    Description(
      label: "Method",
      sentence: "What is learned from the views: "
        + MethodName.methods.map { "\($0.name): \($0.sentence)" }.joined(separator: " "),
      automatic: "byol", isCommon: true, decidesSpeed: true),
    whereAbsent: MethodName(BYOL.self), choose: { $1.preset($0).method })

  private static let minutes = number(
    "minutes", \.minutes, 0...100_000,
    Description(
      label: "Length", unit: "minutes",
      sentence:
        "About how long the run may take, from its start to its last checkpoint; updates follow from the "
        + "measured speed. 0 for as many updates as `updates` or `epochs` say.",
      automatic: "0", isCommon: true),
    whereAbsent: 0, choose: { _, _ in 0 })

  private static let sides: [RecipeField] = [
    number(
      "starting_size", \.startingSize, RecipeLimits.imageSize,
      Description(
        label: "Side at the beginning", unit: "pixels",
        sentence:
          "The side of the views in the first third of the updates, from where it grows to image_size in the last third; a "
          + "smaller one makes the first updates faster.",
        automatic: "image_size: the views do not grow", decidesSpeed: true),
      whereAbsent: 0, choose: { recipe, _ in recipe.imageSize }),
    number(
      "local_views", \.localViews, 0...16,
      Description(
        label: "Local views", unit: "views",
        sentence:
          "Small views of each picture beside the two global ones: each predicts what the target makes of both.",
        automatic: "0", decidesSpeed: true),
      whereAbsent: 0, choose: { $1.preset($0).localViews }),
    number(
      "local_size", \.localSize, RecipeLimits.imageSize,
      Description(
        label: "Side of the local views", unit: "pixels", sentence: "The side of the local views.",
        automatic: "half of image_size, at least the encoder's least side", decidesSpeed: true),
      whereAbsent: 16, choose: { recipe, _ in AutomaticChoice.localSize(recipe) }),
    choice(
      "embedding", \.embedding,
      Description(
        label: "Embedding",
        sentence:
          "representation: the encoder's output, as in the paper; whitened: the feature maps of every stage beside "
          + "whitened patches of the pictures, reduced by principal components and whitened, without labels.",
        automatic: "whitened with small, else representation"),
      whereAbsent: .representation, choose: { $1.preset($0).embedding }),
    number(
      "embedding_size", \.embeddingSize, RecipeLimits.imageSize,
      Description(
        label: "Side for embeddings", unit: "pixels",
        sentence:
          "The side to which whole pictures are brought when the trained encoder embeds them.",
        automatic:
          "image_size; with small, twice the side that views have in long runs, where the pictures have so many pixels"
      ),
      whereAbsent: 0, choose: { AutomaticChoice.embeddingSize($0, $1.dataset, $1.machine) }),
    number(
      "whitened_dimension", \.whitenedDimension, 2...4096,
      Description(
        label: "Components", unit: "dimensions", sentence: "Components of a whitened embedding.",
        automatic:
          "512; up to 1024 where many small pictures with an upright can fit them; at most half of the training pictures"
      ),
      whereAbsent: 512, choose: { AutomaticChoice.whitenedDimension($0, $1.dataset) }),
  ]

  private static let encoder: [RecipeField] = [
    choice(
      "architecture", \.encoder.architecture,
      Description(
        label: "Encoder", sentence: "The residual network; deeper ones are slower.",
        automatic: "the preset's: resnet18, or resnet50 in the paper's", isCommon: true,
        decidesSpeed: true),
      storedIn: "encoder", choose: { $1.preset($0).architecture }),
    number(
      "width", \.encoder.width, EncoderConfiguration.widths,
      Description(
        label: "Width factor", sentence: "Multiplies the channels of every layer of the encoder.",
        automatic: "1; with small, 0.25 on fewer than 8 processors and 0.5 on fewer than 16",
        decidesSpeed: true),
      choose: { AutomaticChoice.width($0, $1.machine) }
    ).stored(in: "encoder"),
    number(
      "image_size", \.imageSize, RecipeLimits.imageSize,
      Description(
        label: "Side of the views", unit: "pixels", sentence: "The side of the square views.",
        automatic:
          "the preset's; with small, the greatest of 32, 48, 64, 96, 128, 160, 192 and 224 that is at most half of "
          + "the pictures' median side and, on fewer than 16 processors, at most 64; 32 there in runs of less than 30 minutes",
        isCommon: true, decidesSpeed: true),
      choose: { $1.preset($0).imageSize ?? AutomaticChoice.imageSize($0, $1.dataset, $1.machine) }),
    choice(
      "stem", \.encoder.stem,
      Description(
        label: "Stem",
        sentence:
          "The layers before the first stage: imagenet divides the side by 4, cifar keeps it, "
          + "for pictures of about 32 pixels.",
        automatic: "cifar for views of at most 64 pixels, else imagenet", decidesSpeed: true),
      storedIn: "encoder", choose: { recipe, _ in AutomaticChoice.stem(recipe.imageSize) }),
  ]

  private static let heads: [RecipeField] = [
    number(
      "projector_hidden", \.projectorHidden, 8...16_384,
      Description(
        label: "Projector width", unit: "units", sentence: "Hidden units of the projection head.",
        automatic: "4096; 512 with small", decidesSpeed: true),
      choose: { $1.preset($0).headHidden }),
    number(
      "projector_output", \.projectorOutput, 8...16_384,
      Description(
        label: "Projection", unit: "dimensions",
        sentence: "Output dimensions of the projection head and of the predictor.",
        automatic: "256; 128 with small", decidesSpeed: true),
      choose: { $1.preset($0).headOutput }),
    number(
      "predictor_hidden", \.predictorHidden, 8...16_384,
      Description(
        label: "Predictor width", unit: "units", sentence: "Hidden units of the predictor.",
        automatic: "4096; 512 with small", decidesSpeed: true),
      choose: { $1.preset($0).headHidden }),
  ]

  private static let computation: [RecipeField] = [
    choice(
      "precision", \.precision,
      Description(
        label: "Precision",
        sentence: "The number format of activations; weights and statistics are always float32.",
        automatic: "bfloat16 where the processor multiplies it, else float32", decidesSpeed: true),
      choose: { $1.machine.precision }),
    choice(
      "memory", \.memory,
      Description(
        label: "Memory",
        sentence:
          "lean keeps fewer activations and computes the rest again where a gradient reads them: "
          + "less memory, more time, the same results.",
        automatic: "full", decidesSpeed: true),
      whereAbsent: .full, choose: { _, _ in .full }),
  ]

  private static let length: [RecipeField] = [
    number(
      "accumulation", \.accumulation, 1...64,
      Description(
        label: "Parts of a batch", unit: "parts",
        sentence:
          "The batch is computed in so many equal parts, one after the other, and their gradients are averaged: less memory. It "
          + "is no larger batch for batch norm and for negatives, which see one part at a time.",
        automatic: "1", decidesSpeed: true),
      whereAbsent: 1, choose: { _, _ in 1 }),
    number(
      "batch_size", \.batchSize, 2...4096,
      Description(
        label: "Batch size", unit: "pictures",
        sentence: "Pictures per update; the dataset must hold at least two such batches.",
        automatic:
          "the preset's; with small, the greatest power of two from 8 to 256 that fits the dataset "
          + "twice and half of the memory",
        isCommon: true, decidesSpeed: true),
      choose: { $1.preset($0).batchSize ?? AutomaticChoice.batchSize($0, $1) }),
    number(
      "updates", \.updates, 0...1_000_000_000,
      Description(
        label: "Updates", unit: "updates",
        sentence:
          "Updates of the run, as an alternative to epochs; 0 for as many as the epochs have.",
        automatic: "0, or as many as fit into minutes"),
      whereAbsent: 0, choose: { AutomaticChoice.updates($0, $1) }),
    number(
      "epochs", \.epochs, 1...100_000,
      Description(
        label: "Epochs", unit: "epochs", sentence: "Passes over the training pictures.",
        automatic:
          "those that the updates touch where updates or minutes are given; else the preset's; "
          + "with small, 100, and up to 1000 for a dataset that would give fewer than 1000 updates",
        isCommon: true),
      choose: {
        AutomaticChoice.touchedEpochs($0) ?? $1.preset($0).epochs
          ?? AutomaticChoice.epochs(stepsPerEpoch: $0.stepsPerEpoch)
      }),
  ]

  private static let optimizer = choice(
    "optimizer", \.optimizer,
    Description(
      label: "Optimizer",
      sentence: "How gradients are applied: LARS, SGD with momentum, or AdamW.",
      automatic: "lars; adamw with small", decidesSpeed: true),
    choose: { $1.preset($0).optimizer })

  private static let optimization: [RecipeField] = [
    number(
      "base_learning_rate", \.baseLearningRate, 1e-6...100,
      Description(
        label: "Learning rate",
        sentence:
          "The learning rate for a batch of 256; the peak is this times the batch size / 256.",
        automatic: "the preset's; 2 for lars, 0.12 for sgd and 0.004 for adamw where it says none"),
      choose: { $1.preset($0).optimization(of: $0.optimizer).baseLearningRate }),
    number(
      "weight_decay", \.weightDecay, 0...1,
      Description(
        label: "Weight decay", sentence: "Not applied to biases nor to batch norm.",
        automatic: "the preset's; 1e-6 for lars, 5e-4 for sgd and 0.01 for adamw where it says none"
      ),
      choose: { $1.preset($0).optimization(of: $0.optimizer).weightDecay }),
    number(
      "momentum", \.momentum, 0...0.9999,
      Description(
        label: "Momentum", sentence: "The share of the last velocity that stays; AdamW's β₁.",
        automatic: "0.9"),
      choose: { _, _ in 0.9 }),
    number(
      "trust_coefficient", \.trustCoefficient, 1e-6...1,
      Description(
        label: "Trust coefficient",
        sentence:
          "LARS's factor of the norm of a weight over that of its gradient; the others do not use it.",
        automatic: "0.001"),
      choose: { _, _ in 1e-3 }),
    number(
      "warmup_epochs", \.warmupEpochs, 0...100_000,
      Description(
        label: "Warm-up", unit: "epochs",
        sentence:
          "Epochs in which the learning rate rises linearly, with the schedule cosine; may be a fraction, and at most "
          + "the run's.",
        automatic: "10, or a tenth of the run where that is less"),
      choose: { recipe, _ in AutomaticChoice.warmupEpochs(recipe) }),
    number(
      "second_moment_decay", \.secondMomentDecay, 0...0.999_999,
      Description(
        label: "AdamW's β₂",
        sentence: "The share of the last squared gradients that stays, in AdamW.",
        automatic: "0.999"),
      whereAbsent: 0.999, choose: { _, _ in 0.999 }),
    number(
      "predictor_rate", \.predictorRate, 0.001...1000,
      Description(
        label: "Predictor's rate", sentence: "Multiplies the learning rate of the predictor.",
        automatic: "1"),
      whereAbsent: 1, choose: { _, _ in 1 }),
    choice(
      "rate_schedule", \.rateSchedule,
      Description(
        label: "Schedule of the learning rate",
        sentence:
          "cosine: linear warm-up, then half a cosine to 0; one-cycle: up over the first 30 % of the run, then down.",
        automatic: "one-cycle with small and adamw, else cosine"),
      whereAbsent: .cosine,
      choose: { $0.optimizer == $1.preset($0).optimizer ? $1.preset($0).rateSchedule : .cosine }),
  ]

  private static let target: [RecipeField] = [
    number(
      "base_tau", \.baseTau, 0...1,
      Description(
        label: "Target decay τ", sentence: "The target network's decay at the first update.",
        automatic: "the preset's, else 0.99, and 0.996 from 1000 epochs on"),
      choose: { $1.preset($0).baseTau ?? AutomaticChoice.baseTau(epochs: $0.epochs) }),
    choice(
      "tau_schedule", \.tauSchedule,
      Description(
        label: "Schedule of τ",
        sentence: "cosine: from its base to 1 along half a cosine; constant: its base throughout.",
        automatic: "cosine"),
      choose: { _, _ in .cosine }),
  ]

  private static let separation: [RecipeField] = [
    number(
      "temperature", \.temperature, 0.03...10,
      Description(
        label: "Temperature",
        sentence: "Divides the cosines of simclr, and of negatives, before their softmax.",
        automatic: "0.2"),
      whereAbsent: 0.5, choose: { $1.preset($0).temperature }),
    weight(
      "negatives_weight", \.negativesWeight, "Negatives",
      "The weight β of negatives beside BYOL's loss (Grill et al. 2020, eq. 8).",
      automatic: "0; with small, 1 for the methods that have them"
    ) { $0.method.type.options.contains(.separation) ? $1.preset($0).negativesWeight : 0 },
    weight(
      "variance_weight", \.varianceWeight, "Variance",
      "The weight of a term beside BYOL's loss that keeps every component of the projections varying."
    ),
    weight(
      "covariance_weight", \.covarianceWeight, "Covariance",
      "The weight of a term beside BYOL's loss that keeps the components of the projections uncorrelated."
    ),
    choice(
      "terms_schedule", \.termsSchedule,
      Description(
        label: "Schedule of the terms",
        sentence:
          "How the weights of negatives, variance and covariance change: constant, or from full to 0 over the run, "
          + "linear or along half a cosine.",
        automatic: "constant"),
      whereAbsent: .constant, choose: { _, _ in .constant }),
  ]

  private static func weight(
    _ name: String, _ path: SendablePath<Recipe, Double>, _ label: String, _ sentence: String,
    automatic: String = "0", choose: @escaping Choose<Double> = { _, _ in 0 }
  ) -> RecipeField {
    number(
      name, path, 0...100,
      Description(label: label, sentence: sentence, automatic: automatic, decidesSpeed: true),
      whereAbsent: 0, choose: choose)
  }

  private static let checkpoints: [RecipeField] = [
    number(
      "checkpoint_every_steps", \.checkpointEverySteps, 0...1_000_000_000,
      Description(
        label: "Updates between checkpoints", unit: "updates",
        sentence:
          "A checkpoint is written each time this many updates are done; 0 for by time alone.",
        automatic: "0"),
      choose: { _, _ in 0 }),
    number(
      "checkpoint_every_seconds", \.checkpointEverySeconds, 1...86_400,
      Description(
        label: "Seconds between checkpoints", unit: "seconds",
        sentence: "A checkpoint is written when this long has passed since the last.",
        automatic: "120"),
      choose: { _, _ in AutomaticChoice.checkpointEverySeconds }),
    number(
      "keep_checkpoints", \.keepCheckpoints, 1...1000,
      Description(
        label: "Checkpoints kept", unit: "checkpoints",
        sentence:
          "The newest checkpoints that are kept, beside the best one and those that are pinned.",
        automatic: "2"),
      whereAbsent: 2, choose: { _, _ in 2 }),
    number(
      "evaluate_every", \.evaluateEvery, 0...1_000_000,
      Description(
        label: "Evaluated checkpoints", unit: "checkpoints",
        sentence:
          "Each time this many checkpoints are written, the last is judged on a fixed part of the training pictures, "
          + "for a curve of quality and the best checkpoint; 0 for never. The last checkpoint of a run is always judged.",
        automatic: "1"),
      whereAbsent: 0, choose: { _, _ in 1 }),
    choice(
      "on_collapse", \.onCollapse,
      Description(
        label: "On a collapse",
        sentence:
          "What happens when the representation has collapsed: continue, or stop with the last checkpoint kept.",
        automatic: "continue"),
      whereAbsent: .proceed, choose: { _, _ in .proceed }),
  ]
}

extension RecipeField {
  /// The field of a name.
  public static func named(_ name: String) -> RecipeField? { byName[name] }

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The fields that change the outcome of a run and not how fast its updates are.
  static let withoutEffectOnSpeed = all.filter { !$0.description.decidesSpeed }
}
