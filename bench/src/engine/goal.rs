//! Which models are measured, in which families, and what is asked of each.

/// Models that are asked the same.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The part that holds the models.
    part: &'static str,
    /// What the names of the models begin with.
    prefixes: &'static [&'static str],
    /// Rows of a run.
    pub(super) batches: &'static [usize],
    /// The longest time of a run, as a ratio to onnxruntime's; nothing is asked where there is none.
    pub(super) run: Option<f64>,
    /// The longest time from file to first answer, as a ratio to the making of a session.
    pub(super) load: f64,
    /// How far a float of an answer may be from onnxruntime's, beside its size or one.
    pub(super) tolerance: f64,
    /// Whether rten is measured too.
    pub(super) rten: bool,
}

const TABULAR: Family = Family {
    name: "",
    part: "zoo",
    prefixes: &[],
    batches: &[1, 32, 1_000],
    run: Some(1.0),
    load: 0.2,
    tolerance: 1e-5,
    rten: false,
};

/// Deep networks are told beside onnxruntime and rten; only their loads have a goal.
const DEEP: Family = Family {
    name: "",
    part: "deep",
    prefixes: &[],
    batches: &[1, 8],
    run: None,
    load: 1.0,
    tolerance: 1e-4,
    rten: true,
};

/// A model is of the first family that fits.
const FAMILIES: [Family; 12] = [
    Family {
        name: "trees",
        prefixes: &[
            "boosting",
            "catboost",
            "decision-tree-regressor",
            "extra-trees",
            "forest",
            "histogram",
            "lightgbm",
            "xgboost",
        ],
        ..TABULAR
    },
    Family {
        name: "linear",
        prefixes: &[
            "elastic-net",
            "lda",
            "linear",
            "logistic",
            "poisson",
            "ridge",
            "scaled-logistic",
            "sgd",
        ],
        ..TABULAR
    },
    Family {
        name: "columns",
        prefixes: &["columns"],
        ..TABULAR
    },
    Family {
        name: "scalers",
        prefixes: &["binarizer", "max-abs", "normalizer", "robust", "standard"],
        ..TABULAR
    },
    Family {
        name: "encoders",
        prefixes: &["label", "one-hot", "ordinal", "target-encoder"],
        ..TABULAR
    },
    Family {
        name: "imputers and bins",
        prefixes: &["bins", "imputer"],
        ..TABULAR
    },
    Family {
        name: "n-grams",
        prefixes: &["count", "tfidf"],
        ..TABULAR
    },
    Family {
        name: "support vectors",
        prefixes: &["one-class", "nu-sv", "svc", "svr"],
        // Single precision where large terms cancel out.
        tolerance: 1e-3,
        ..TABULAR
    },
    Family {
        name: "networks",
        prefixes: &["mlp"],
        run: Some(1.3),
        ..TABULAR
    },
    Family {
        name: "images",
        prefixes: &[
            "convnext-",
            "efficientnet-",
            "mobilenet-v2-",
            "mobilenet-v3-torchscript",
            "resnet-dynamo",
            "resnet-torchscript",
            "vit-",
        ],
        ..DEEP
    },
    Family {
        name: "texts",
        prefixes: &[
            "encoder-dynamo",
            "encoder-torchscript",
            "minilm-",
            "text-convolution-",
        ],
        ..DEEP
    },
    Family {
        name: "sequences",
        prefixes: &[
            "crnn-",
            "gru-torchscript",
            "lstm-torchscript",
            "lstm-two-ways-torchscript",
            "tcn-torchscript",
        ],
        ..DEEP
    },
];

/// Where a model belongs; nothing for one that is not measured.
pub(super) fn family(part: &str, model: &str) -> Option<&'static Family> {
    let fits = |prefix: &&str| model.starts_with(prefix);
    FAMILIES
        .iter()
        .find(|family| family.part == part && family.prefixes.iter().any(fits))
}

/// The place of a family among all.
pub(super) fn place(family: &Family) -> Option<usize> {
    FAMILIES
        .iter()
        .position(|known| known.part == family.part && known.name == family.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, expected: Option<&str>) {
        let found = family("zoo", model);
        assert_eq!(found.map(|family| family.name), expected);
        assert!(family("another", model).is_none());
    }

    #[test]
    fn a_model_has_the_family_of_its_name() {
        check("xgboost-deep", Some("trees"));
        check("label-encoder", Some("encoders"));
        check("mlp-binary", Some("networks"));
        check("gaussian-process", None);
        let deep = family("deep", "minilm-dynamo").unwrap();
        assert_eq!((deep.name, deep.batches), ("texts", &[1, 8][..]));
    }
}
